"""Tests of single families: adapters, rotary frequencies, special tokens, logit scales."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import families
import numpy as np
import pytest
import tiny_granite
import tiny_phi4
import torch
import transformers as tf
from opened import QUESTION, Both, noise, open_both
from tiny import Tiny, padded_mel

from harken.audio.clip import RATE_HZ, silence
from harken.errors import ModelError
from harken.models.base import Prompt, Sampling
from harken.models.load import load_model
from harken.models.native.adapter import CONFIG_FILE, WEIGHTS_FILE
from harken.models.native.model import NativeModel

CLOSE = {"atol": 5e-4, "rtol": 0}
TINIES = {tiny.kind: tiny for tiny in families.TINIES}


TARGETS = r"model\.(language_model\.)?layers\.\d+\.(self_attn|mlp)\.\w+_proj"


@pytest.mark.parametrize(
    "content",
    [
        "{{ m.content }}",
        "{% for b in m.content %}{{ b.text if b.type == 'text' else '<|audio|>' }}{% endfor %}",
    ],
)
def test_templates_may_take_texts_or_blocks(tmp_path: Path, content: str) -> None:
    """Checkpoints of one class have either."""
    both = open_both(TINIES["phi4_multimodal"], tmp_path)
    prompt = both.prompt(both.clip(0.5), both.clip(0.6))
    expected = both.model.tokenize(prompt).ids
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}<|{{ m.role }}|>" + content + "<|end|>{% endfor %}<|assistant|>"
    )
    assert opened(tmp_path).tokenize(prompt).ids == expected


def test_a_template_that_leaves_out_a_text_is_refused(tmp_path: Path) -> None:
    both = open_both(TINIES["phi4_multimodal"], tmp_path)
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}<|{{ m.role }}|>{{ m.words }}<|end|>{% endfor %}<|assistant|>"
    )
    with pytest.raises(ModelError, match="leaves out texts"):
        opened(tmp_path).tokenize(both.prompt())


@dataclass
class Three:
    """One model without an adapter, with one, and with the same one merged into the weights."""

    both: Both
    folder: Path
    model: NativeModel
    merged: NativeModel


@pytest.fixture(scope="module", params=["granite_speech", "phi4_multimodal"])
def three(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Three]:
    plain = open_both(TINIES[request.param], tmp_path_factory.mktemp("plain"))
    folder = tmp_path_factory.mktemp("adapted") / "model"
    shutil.copytree(plain.folder, folder)
    adapt(folder)
    merged = tmp_path_factory.mktemp("merged") / "model"
    shutil.copytree(plain.folder, merged)
    merge(folder, merged)
    yield Three(plain, folder, opened(folder), opened(merged))


def opened(folder: Path) -> NativeModel:
    model = load_model(f"native:{folder}")
    assert isinstance(model, NativeModel)
    return model


def adapter_folder(folder: Path) -> Path:
    """Folder of the adapter."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    return folder / ("speech-lora" if kind == "phi4_multimodal" else "")


def rewrite(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def adapt(folder: Path) -> None:
    """Write a random adapter of rank 2 for all layers of the text model, in peft's format."""
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if weight.ndim == 2 and re.match(r"(model\.)?(language_model\.)?(model\.)?layers\.", name):
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            shape = (weight.shape[0], 2), (2, weight.shape[1])
            tensors[f"{stem}.lora_B.weight"] = torch.randn(shape[0], generator=generator)
            tensors[f"{stem}.lora_A.weight"] = torch.randn(shape[1], generator=generator)
    adapter_folder(folder).mkdir(exist_ok=True)
    save_file(tensors, adapter_folder(folder) / WEIGHTS_FILE)
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 1, "target_modules": TARGETS}
    (adapter_folder(folder) / CONFIG_FILE).write_text(json.dumps(settings))
    if adapter_folder(folder) == folder:
        rewrite(folder / "config.json", has_lora_adapter=True)
    else:
        rewrite(folder / "config.json", speech_lora=None)


def merge(adapted: Path, folder: Path) -> None:
    """Write W + B A / 2 into the weights of `folder`."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    pairs = load_file(adapter_folder(adapted) / WEIGHTS_FILE)
    for name in [name for name in pairs if "lora_A" in name]:
        whole = name.removeprefix("base_model.model.").replace(".lora_A", "")
        weights[whole] = weights[whole] + pairs[name.replace("lora_A", "lora_B")] @ pairs[name] / 2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def logits(both: Both, model: NativeModel, *prompts: Prompt) -> list[torch.Tensor]:
    return replace(both, model=model).logits([model.tokenize(prompt) for prompt in prompts])


def test_the_adapter_is_on_for_prompts_with_clips(three: Three) -> None:
    both, model, merged = three.both, three.model, three.merged
    with_audio, text = both.prompt(both.clip(0.6), both.clip(0.9, 1)), both.prompt()
    for found, expected, other in (
        (
            logits(both, model, with_audio),
            logits(both, merged, with_audio),
            logits(both, both.model, with_audio),
        ),
        (logits(both, model, text), logits(both, both.model, text), logits(both, merged, text)),
    ):
        torch.testing.assert_close(found[0], expected[0], **CLOSE)
        assert (found[0] - other[0]).abs().max() > 0.1
    together = logits(both, model, text, with_audio)
    torch.testing.assert_close(together[0], logits(both, both.model, text)[0], **CLOSE)
    torch.testing.assert_close(together[1], logits(both, merged, with_audio)[0], **CLOSE)


def test_the_adapter_stays_on_in_decode_steps(three: Three) -> None:
    both, model, merged = three.both, three.model, three.merged
    with_audio, text = both.prompt(both.clip(0.6)), both.prompt()
    sampling = Sampling(max_tokens=5)
    found = model.generate([text, with_audio], sampling)
    assert found == [
        *both.model.generate([text], sampling),
        *merged.generate([with_audio], sampling),
    ]
    np.testing.assert_allclose(
        model.choice_logprobs([with_audio, text]),
        [*merged.choice_logprobs([with_audio]), *both.model.choice_logprobs([text])],
        atol=1e-4,
    )


def test_an_adapter_is_saved_with_the_model(three: Three, tmp_path: Path) -> None:
    both, model = three.both, three.model
    assert model.identity() != both.model.identity()
    model.save(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"))
    assert isinstance(again, NativeModel)
    with_audio = both.prompt(both.clip(0.6))
    assert again.choice_logprobs([with_audio]) == model.choice_logprobs([with_audio])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / WEIGHTS_FILE).unlink(), "adapter"),
        (
            lambda f: rewrite(f / CONFIG_FILE, use_dora=True),
            "unsupported settings or tensors: use_dora",
        ),
        (lambda f: rewrite(f / CONFIG_FILE, modules_to_save=["lm_head"]), "modules_to_save"),
        (lambda f: add_layer(f / WEIGHTS_FILE), "for other layers: layers.9"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_refused(
    three: Three, tmp_path: Path, change: Any, message: str
) -> None:
    source = three.both.folder
    shutil.copytree(source, tmp_path / "copy")
    adapt(tmp_path / "copy")
    change(adapter_folder(tmp_path / "copy"))
    with pytest.raises(ModelError, match=message):
        opened(tmp_path / "copy")


def add_layer(file: Path) -> None:
    """An adapter for a layer that does not exist."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    name = next(iter(tensors))
    half = "A" if "lora_A" in name else "B"
    stem = f"base_model.model.layers.9.mlp.lora_{half}.weight"
    other = stem.replace(f"lora_{half}", f"lora_{'B' if half == 'A' else 'A'}")
    save_file({**tensors, stem: torch.ones(2, 2), other: torch.ones(2, 2)}, file)


def test_an_adapter_that_is_missing_is_refused(three: Three, tmp_path: Path) -> None:
    shutil.copytree(three.both.folder, tmp_path / "copy")
    rewrite(tmp_path / "copy" / "config.json", has_lora_adapter=True, speech_lora=None)
    with pytest.raises(ModelError, match="the folder has none"):
        opened(tmp_path / "copy")


def test_peft_gives_the_same(three: Three) -> None:
    pytest.importorskip("peft")
    both, model, folder = three.both, three.model, three.folder
    official = model.family.model_class().from_pretrained(folder)
    if adapter_folder(folder) != folder:
        official.load_adapter(folder, adapter_kwargs={"subfolder": "speech-lora"})
    prompt = both.prompt(both.clip(0.6))
    theirs, _, _ = replace(both, official=official.eval()).theirs(prompt)
    torch.testing.assert_close(logits(both, model, prompt)[0], theirs, **CLOSE)


@pytest.mark.parametrize("kind", ["granite_speech", "gemma3n", "phi4_multimodal"])
def test_the_class_encodes_padding_in_a_batch(kind: str, tmp_path: Path) -> None:
    """The reason for encoding each clip alone."""
    tiny = TINIES[kind]
    if kind == "granite_speech":  # its extractor pads the waves with zeros
        tiny = replace(tiny, official_inputs=padded_granite)
    both = open_both(tiny, tmp_path)
    prompt = both.prompt(both.clip(0.7, 1), both.clip(1.3))
    theirs, ids, _ = both.theirs(prompt)
    assert ids == list(both.model.tokenize(prompt).ids)
    assert (both.ours(prompt)[-1] - theirs[-1]).abs().max() > 1e-3


def padded_granite(extractor: Any, waves: Any) -> Any:
    longest = max(len(wave) for wave in waves)
    counts = tiny_granite.granite_inputs(extractor, waves[:1]).counts
    made = tiny_granite.granite_inputs(extractor, [np.pad(w, (0, longest - len(w))) for w in waves])
    counts += made.counts[1:]
    mask = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
    return replace(made, inputs={**made.inputs, "input_features_mask": mask}, counts=counts)


def test_granite_divides_its_logits(tmp_path: Path) -> None:
    both = open_both(TINIES["granite_speech"], tmp_path)
    prompt = both.prompt(both.clip(0.5))
    theirs, _, _ = both.theirs(prompt)
    config = json.loads((tmp_path / "config.json").read_text())
    rewrite(tmp_path / "config.json", text_config={**config["text_config"], "logits_scaling": 8.0})
    torch.testing.assert_close(logits(both, opened(tmp_path), prompt)[0], theirs / 8, **CLOSE)


def test_a_window_of_gemma_has_its_own_begin_and_end_tokens(tmp_path: Path) -> None:
    """A clip of two windows has the inputs of two adjacent clips."""
    both = open_both(TINIES["gemma3n"], tmp_path)
    family = both.model.family
    size = round(family.window_s * RATE_HZ)
    one, two = noise(2 * family.window_s, 4).reshape(2, size)
    (tokens,) = both.model.net.encode([np.concatenate([one, two])])
    assert len(tokens) == family.tokens(2 * size) == 2 * 25 + 2
    ids = both.model.opened.hf_tokenizer.convert_tokens_to_ids
    special = torch.tensor([ids("<end_of_audio>"), ids("<start_of_audio>")])
    first, second = both.model.net.encode([one, two])
    torch.testing.assert_close(tokens, torch.cat([first, family.embed(special), second]))


def test_the_real_sizes_of_windows() -> None:
    """30 s are 2997 frames and 188 soft tokens of Gemma 3n, and 375 tokens of Voxtral."""
    made = tf.Gemma3nAudioFeatureExtractor()([np.zeros(480_000, np.float32)], truncation=False)
    frames = len(made["input_features"][0])
    assert frames == 2997 and -(-((((frames - 1) // 2 + 1) - 1) // 2 + 1) // 4) == 188
    assert int(188 * 0.16) == 30


def test_a_gemma_without_audio_tower_is_refused(tmp_path: Path) -> None:
    open_both(TINIES["gemma4"], tmp_path)
    rewrite(tmp_path / "config.json", audio_config=None)
    with pytest.raises(ModelError, match="no audio tower"):
        opened(tmp_path)


ROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "partial_rotary_factor": 1.0,
    "short_factor": [1.0, 1.5, 2.0, 2.5],
    "long_factor": [3.0, 5.0, 7.0, 9.0],
    "original_max_position_embeddings": 48,
}


@pytest.fixture(scope="module")
def longrope(tmp_path_factory: pytest.TempPathFactory) -> Both:
    tiny: Tiny = replace(
        tiny_phi4.TINY,
        build=partial(tiny_phi4.phi4, rope_parameters=ROPE, original_max_position_embeddings=48),
    )
    return open_both(tiny, tmp_path_factory.mktemp("longrope"))


def test_rotary_frequencies_are_chosen_row_by_row(longrope: Both) -> None:
    near, far = longrope.prompt(longrope.clip(0.3)), longrope.prompt(longrope.clip(3.9))
    tokenized_prompts = [longrope.model.tokenize(prompt) for prompt in (near, far)]
    assert len(tokenized_prompts[0].ids) < 48 < len(tokenized_prompts[1].ids)
    version = longrope.model.engine.version()
    for made, prompt in zip(longrope.logits(tokenized_prompts), (near, far), strict=True):
        torch.testing.assert_close(made, longrope.theirs(prompt)[0], **CLOSE)
    assert longrope.model.engine.version() == version  # with the class's own module it changes


def test_a_reply_that_crosses_the_limit_is_the_official_one(longrope: Both) -> None:
    prompt = longrope.prompt(longrope.clip(0.3))
    tokenized = longrope.model.tokenize(prompt)
    more = 48 - len(tokenized.ids) + 4
    assert 5 < more < 40
    (reply,) = longrope.model.sample({0: tokenized}, Sampling(max_tokens=more), [[0]]).values()
    ids = list(tokenized.ids)
    official = tiny_phi4.phi4_inputs(
        longrope.model.family.extractor, [tokenized.audio_inputs[0].features]
    )
    for token in reply.ids:
        with torch.no_grad():
            whole = longrope.official(input_ids=torch.tensor([ids]), **official.inputs).logits[
                0, -1
            ]
        whole[longrope.model.tokenizer.audio] = -torch.inf
        assert int(whole.argmax()) == token
        ids.append(token)
    assert len(ids) > 48


def test_voxtral_needs_no_mistral_common(tmp_path: Path) -> None:
    """A folder with ``tekken.json`` and no other tokenizer."""
    import base64

    both = open_both(TINIES["voxtral"], tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).unlink()
    names = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[BEGIN_AUDIO]", "[AUDIO]"]
    words = [bytes([i]) for i in range(256)] + [b"th", b"the", b" the"]
    tekken = {
        "config": {
            "pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|\s+|[^\s\p{L}\p{N}]+",
            "num_vocab_tokens": len(words),
            "default_vocab_size": len(words) + len(names),
            "default_num_special_tokens": len(names),
            "version": "v7",
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(w).decode(), "token_str": None}
            for i, w in enumerate(words)
        ],
        "special_tokens": [
            {"rank": i, "token_str": name, "is_control": True} for i, name in enumerate(names)
        ],
    }
    (tmp_path / "tekken.json").write_text(json.dumps(tekken))
    rewrite(tmp_path / "config.json", audio_token_id=6)
    model = opened(tmp_path)
    tokenized = model.tokenize(Prompt((both.clip(0.5), "see the [INST]"), QUESTION))
    begin, plain = (1, 3, 5, *[6] * 50), [i - len(names) for i in tokenized.ids[53:-1]]
    assert tokenized.ids[:53] == begin and tokenized.ids[-1] == 4
    assert b"".join(words[i] for i in plain) == b"see the [INST]" and 258 in plain
    assert model.generate([Prompt((both.clip(0.5), "see"), QUESTION)], Sampling(max_tokens=2))


def test_glm_asr_refuses_clips_its_processor_truncates(tmp_path: Path) -> None:
    both = open_both(TINIES["glmasr"], tmp_path)
    assert both.model.family.max_clip_s == 652  # 163 windows of 4 s; 630 s in windows of 30 s
    (reply,) = both.model.generate([both.prompt(silence(653.0))], Sampling())
    assert reply.stop == "failed" and "takes at most 652 s" in (reply.error or "")


@pytest.mark.parametrize("seconds", [4.0, 3.99, 4.03, 8.0, 7.97])
def test_a_clip_of_voxtral_is_one_mel(seconds: float, tmp_path: Path) -> None:
    """Also at the bounds of its windows, and where there is no silence to pad with."""
    tiny = TINIES["voxtral"]
    both = open_both(tiny, tmp_path)
    wave = noise(seconds, 1)
    wave[:1000] *= 5  # the loudest point of the first window is that of all
    found = both.model.family.windows(wave)
    whole = tiny.official_inputs(both.model.family.extractor, [wave]).inputs["input_features"]
    assert len(found) == len(whole)
    for window, expected in zip(found, whole.numpy(), strict=True):
        full = np.pad(window.features, ((0, 0), (0, 400 - window.features.shape[1])), "edge")
        np.testing.assert_allclose(full, expected, atol=1e-6)
    if seconds <= 4:
        assert padded_mel(both.model.family.extractor, wave).shape[1] == found[0].frames
