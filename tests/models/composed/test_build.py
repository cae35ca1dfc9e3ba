"""Tiny random encoders and language models of several kinds, saved by transformers and composed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf

from harken.ask.prompt import make_prompt
from harken.audio.clip import silence
from harken.errors import ModelError
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.engine.tokenizer import TextTokenizer
from tiny_audio import TEXTS, alike, named

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
WAVE: dict[str, Any] = {
    **SMALL,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (80, 4),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def encoder(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "whisper":
        config = tf.WhisperConfig(
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=80,
            max_source_positions=150, vocab_size=64, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1,
        )  # fmt: skip
        return tf.WhisperModel(config)
    if kind == "ast":
        return tf.ASTModel(tf.ASTConfig(**SMALL, max_length=304, num_mel_bins=32))
    if kind == "wav2vec2":
        return tf.Wav2Vec2Model(tf.Wav2Vec2Config(**WAVE))
    return tf.WavLMModel(tf.WavLMConfig(**WAVE))


def lm(kind: str, vocabulary: int) -> Any:
    torch.manual_seed(1)
    options = {"vocab_size": vocabulary, "num_key_value_heads": 2, "eos_token_id": 0, **SMALL}
    if kind == "qwen2":
        return tf.Qwen2ForCausalLM(tf.Qwen2Config(**options))
    if kind == "gpt2":  # learned positions; not known to have a plain head
        return tf.GPT2LMHeadModel(
            tf.GPT2Config(
                vocab_size=vocabulary, n_embd=16, n_layer=1, n_head=2, n_positions=512,
                eos_token_id=0, bos_token_id=0,
            )
        )  # fmt: skip
    return tf.LlamaForCausalLM(tf.LlamaConfig(**options))


def folders(folder: Path, encoder_kind: str, lm_kind: str) -> tuple[Path, Path]:
    """Folders of an encoder and of an LM whose tokenizer has no audio placeholder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<|end|>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    encoder(encoder_kind).save_pretrained(folder / "encoder")
    lm(lm_kind, tokenizer.get_vocab_size()).save_pretrained(folder / "lm")
    tokenizer.save(str(folder / "lm" / "tokenizer.json"))
    return folder / "encoder", folder / "lm"


@pytest.mark.parametrize(
    ("encoder_kind", "lm_kind"),
    [("whisper", "qwen2"), ("ast", "llama"), ("wav2vec2", "gpt2"), ("wavlm", "qwen2")],
)
def test_pretrained_parts_are_composed(encoder_kind: str, lm_kind: str, tmp_path: Path) -> None:
    learner = compose_pretrained(*folders(tmp_path, encoder_kind, lm_kind), pool=5, name="joined")
    assert learner.tokenizer.eos == 0 and learner.tokenizer.audio >= 257
    items = [
        named(tmp_path, "noise", seconds=0.31),
        alike(tmp_path, "noise", "low tone"),
        replace(named(tmp_path, "noise"), facts=(), clips=(silence(1.3),)),
        replace(named(tmp_path, "noise"), facts=(), clips=()),
    ]
    prompts = [make_prompt(item, learner.style) for item in items]
    answers = [prompt.targets[0] for prompt in prompts]
    together = learner.logprobs(prompts, answers)
    together.sum().backward()  # type: ignore[no-untyped-call]
    audio = learner.engine.audio
    assert audio is not None and audio.grad is not None and float(audio.grad.norm()) > 0
    with torch.no_grad():
        alone = [learner.logprobs([p], [a]).item() for p, a in zip(prompts, answers, strict=True)]
    assert together.tolist() == pytest.approx(alone, abs=1e-4)
    sampling = Sampling(max_tokens=3, temperature=1.0)
    replies = learner.generate(prompts, sampling)
    assert replies == [learner.generate([prompt], sampling)[0] for prompt in prompts]
    learner.save(tmp_path / "saved")
    again = ComposedModel.load(tmp_path / "saved")
    assert again.identity() == learner.identity()
    assert again.choice_logprobs(prompts) == learner.choice_logprobs(prompts)


def test_whisper_frames_equal_those_of_its_own_extractor(tmp_path: Path) -> None:
    """Padded on the device, the features equal those padded by transformers."""
    from harken.audio.load import load

    learner = compose_pretrained(*folders(tmp_path, "whisper", "qwen2"))
    clip = named(tmp_path, "clicks", seconds=0.77).clips[0]
    extract = tf.WhisperFeatureExtractor(feature_size=80, chunk_length=3)
    whole = extract(load(clip), sampling_rate=16000, return_tensors="pt")["input_features"]
    with torch.no_grad():
        expected = learner.net.audio_encoder.encoder(whole).last_hidden_state
        frames, (count,) = learner.net.audio_encoder.encode([learner.audio_input(clip).features])
    torch.testing.assert_close(frames, expected, atol=1e-5, rtol=0)
    assert count == 40  # 0.77 s at 50 a second, and the frame in which it ends


def test_whisper_refuses_clips_it_would_truncate(tmp_path: Path) -> None:
    learner = compose_pretrained(*folders(tmp_path, "whisper", "qwen2"))
    item = replace(named(tmp_path, "noise"), facts=(), clips=(silence(3.5),))
    with pytest.raises(ModelError, match=r"3\.50 s long.*at most 3 s"):
        learner.tokenize(make_prompt(item, learner.style))


def test_lora_trains_the_adapters_only(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    learner = compose_pretrained(*folders(tmp_path, "whisper", "llama"), lora="lm:2")
    learner.trainable(["projector", "lm"])
    names = [name for name, p in learner.net.named_parameters() if p.requires_grad]
    assert names and all(name.startswith("projector.") or ".lora_" in name for name in names)
    assert sum(".lora_" in name for name in names) == 8
    prompt = make_prompt(named(tmp_path, "noise"), learner.style)
    learner.save(tmp_path / "saved")
    assert ComposedModel.load(tmp_path / "saved").choice_logprobs(
        [prompt]
    ) == learner.choice_logprobs([prompt])


def test_what_cannot_be_composed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        compose_pretrained(tmp_path / "none", tmp_path / "none")
    encoder_folder, lm_folder = folders(tmp_path, "whisper", "llama")
    with pytest.raises(ModelError, match="no audio encoder is known for model_type 'llama'"):
        ComposedModel.compose(lm("llama", 300), lm("llama", 300), TextTokenizer.train(TEXTS, 300))
    (lm_folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        compose_pretrained(encoder_folder, lm_folder)


def test_a_language_model_of_another_kind_is_opened_and_built_by_its_class(tmp_path: Path) -> None:
    """``KIND:FOLDER`` names who opens it, and the saved model names who builds it again."""
    from harken.models.composed.lms.base import LanguageModel
    from harken.models.composed.lms.registry import LMS

    seen: list[str] = []

    class Scaled(LanguageModel):
        name = "scaled"
        about = "a causal language model that counts how it is made"

        @classmethod
        def build(cls, settings: Any) -> Any:
            seen.append("build")
            return super().build(settings)

        @classmethod
        def open(cls, folder: Path) -> Any:
            seen.append("open")
            return super().open(folder)

    LMS.add(Scaled)
    try:
        encoder_folder, lm_folder = folders(tmp_path, "whisper", "llama")
        model = compose_pretrained(encoder_folder, f"scaled:{lm_folder}", projector="linear")
        model.save(tmp_path / "model")
        assert ComposedModel.load(tmp_path / "model").identity() == model.identity()
        # Saving and opening read the base, to tell what was changed and to fill in what was not.
        assert seen == ["open", "open", "build", "open"]
        with pytest.raises(ModelError, match="no model"):
            compose_pretrained(encoder_folder, f"unknown:{lm_folder}")
    finally:
        LMS.forget("scaled")
