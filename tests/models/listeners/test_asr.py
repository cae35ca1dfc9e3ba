"""Recognisers: settings, float32 on a CPU, batches that read as single clips do, loops told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.audio.clip import Clip
from harken.audio.load import load, write_wav
from harken.errors import ConfigError
from harken.models.base import Prompt, Reply, Sampling
from harken.models.listeners.asr import AsrModel, AsrSettings
from harken.models.load import load_model

RATE = 16_000
_LANGUAGES = ("<|en|>", "<|de|>")


@pytest.fixture(scope="module")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Whisper in float16, with two languages."""
    torch = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("whisper")
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|translate|>"]
    special += [*_LANGUAGES, "<|notimestamps|>"]
    # Timestamps follow the last special token, from 0.00 to 30.00 in steps of 0.02 s.
    words = [f"Ġw{i}" for i in range(20)]
    stamps = [f"<|{i * 0.02:.2f}|>" for i in range(1501)]
    order = {word: i for i, word in enumerate([*words, *special, *stamps])}
    raw = Tokenizer(models.WordLevel(order, unk_token="<|endoftext|>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.WhisperTokenizerFast(
        tokenizer_object=raw,
        bos_token=special[0],
        eos_token=special[0],
        unk_token=special[0],
        additional_special_tokens=special[1:],
    )
    config = transformers.WhisperConfig(
        vocab_size=len(order),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=64,
        pad_token_id=order[special[0]],
        bos_token_id=order[special[0]],
        eos_token_id=order[special[0]],
        decoder_start_token_id=order[special[1]],
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(5)
    model = transformers.WhisperForConditionalGeneration(config).half()
    with torch.no_grad():
        model.proj_out.weight.mul_(60)
    model.save_pretrained(folder)
    own = {
        "bos_token_id": order[special[0]],
        "eos_token_id": order[special[0]],
        "pad_token_id": order[special[0]],
        "decoder_start_token_id": order[special[1]],
        "is_multilingual": True,
        "lang_to_id": {name: order[name] for name in _LANGUAGES},
        "task_to_id": {"transcribe": order[special[2]], "translate": order[special[3]]},
        "no_timestamps_token_id": order["<|notimestamps|>"],
        "max_length": 14,  # too short for a loop
        # Random weights write times, and Whisper goes on from each of them.
        "suppress_tokens": [order[stamp] for stamp in stamps],
    }
    (folder / "generation_config.json").write_text(json.dumps(own))
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def prompts(folder: Path, *seconds: float) -> list[Prompt]:
    made = []
    for i, length in enumerate(seconds):
        wave = np.random.default_rng(i).normal(0, 0.1 + 0.1 * i, round(length * RATE))
        path = folder / f"{i}.wav"
        write_wav(path, np.clip(wave, -1, 1).astype(np.float32), RATE)
        made.append(Prompt((Clip(path=str(path)), "?"), "?"))
    return made


def test_weights_in_half_precision_are_computed_in_float32_on_a_cpu(tiny_whisper: Path) -> None:
    import torch

    asr: Any = load_model(f"asr:{tiny_whisper}")
    assert json.loads((tiny_whisper / "config.json").read_text())["dtype"] == "float16"
    assert next(asr._pipe.model.parameters()).dtype == torch.float32
    assert asr.batch == 1, "more at once are no faster on a CPU"
    half: Any = load_model(f"asr:{tiny_whisper}?dtype=bfloat16")
    assert next(half._pipe.model.parameters()).dtype == torch.bfloat16
    assert half.identity() != asr.identity()


def test_language_and_task_reach_the_model(tiny_whisper: Path, tmp_path: Path) -> None:
    asked = prompts(tmp_path, 1.0)
    for settings in ("language=en", "language=german&task=translate", "task=transcribe", ""):
        asr: Any = load_model(
            f"asr:{tiny_whisper}?{settings}" if settings else f"asr:{tiny_whisper}"
        )
        sent: list[dict[str, Any]] = []
        own = asr._pipe.model.generate

        def generate(*args: Any, own: Any = own, sent: list[Any] = sent, **options: Any) -> Any:
            sent.append(options)
            return own(*args, **options)

        asr._pipe.model.generate = generate
        assert asr.generate(asked, Sampling())[0].error is None
        named = {"task": "transcribe"} | dict(
            pair.split("=") for pair in settings.split("&") if pair
        )
        assert {k: v for k, v in sent[0].items() if k in ("language", "task") and v} == named


@pytest.mark.parametrize(
    "settings",
    ["language=xx", "task=sing", "dtype=int8", "batch=-1", "batch=many", "device=tpu0", "beams=3"],
)
def test_a_setting_that_makes_no_sense_is_refused(settings: str, tiny_whisper: Path) -> None:
    with pytest.raises(ConfigError):
        load_model(f"asr:{tiny_whisper}?{settings}")


def test_given_texts_are_scored_beside_the_greedy_transcript(
    tiny_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    asr: Any = load_model(f"asr:{tiny_whisper}?language=en")
    # The tokenizer of the tiny model decodes only.
    monkeypatch.setattr(asr, "_tokens", lambda forms: [(int(form[1:]),) for form in forms])
    pipe = asr._pipe
    for prompt in prompts(tmp_path, 1.0, 2.5):
        ((text, found),) = asr.transcripts_and_logprobs(
            prompt.clips, [["w1"], ["w1", "w2"], ["w3"]]
        )
        assert found[0] < found[1] < 0 and found[2] < 0, "the forms of a text are added"
        made = pipe.feature_extractor(
            load(prompt.clips[0]), return_tensors="pt", sampling_rate=RATE
        )
        with torch.no_grad():
            (ids,) = pipe.model.generate(made["input_features"], language="en", task="transcribe")
        assert text == pipe.tokenizer.decode(ids, skip_special_tokens=True).strip()


def test_a_batch_reads_what_single_clips_read(tiny_whisper: Path, tmp_path: Path) -> None:
    asked = prompts(tmp_path, 1.0, 2.5, 0.7, 4.0)
    asr: Any = load_model(f"asr:{tiny_whisper}?batch=3&language=en")
    assert asr.batch == 3
    sizes: list[int] = []
    own = asr._pipe

    class Counted:
        feature_extractor, type, model = own.feature_extractor, own.type, own.model

        def __call__(self, inputs: Sequence[Any], **options: Any) -> Any:
            sizes.append(len(inputs))
            return own(inputs, **options)

    asr._pipe = Counted()
    together = asr.generate(asked, Sampling())
    assert sizes == [3, 1]
    assert together == [asr.generate([one], Sampling())[0] for one in asked]
    assert all(reply.stop == "end" or "repetition" in str(reply.error) for reply in together)


@pytest.mark.parametrize(
    ("kind", "seconds", "own", "most"),
    [
        ("seq2seq_whisper", 0.5, 448, 32 + 5 * 15),
        ("seq2seq_whisper", 5.0, 448, 32 + 5 * 15),
        ("seq2seq_whisper", 5.1, 448, 32 + 10 * 15),
        ("seq2seq_whisper", 24.0, 448, 32 + 25 * 15),
        ("seq2seq_whisper", 25.1, 448, None),
        ("seq2seq_whisper", 1.0, 60, 60),
        ("seq2seq", 1.0, 448, None),
    ],
)
def test_whisper_writes_of_a_short_clip_its_share_of_a_window(
    kind: str, seconds: float, own: int, most: int | None, tmp_path: Path
) -> None:
    pipe = CountingPipe(kind)
    pipe.model = type("Model", (FakePipe.model,), {"generation_config": Limits(own)})  # type: ignore[assignment]
    AsrModel("fake", pipe).generate(prompts(tmp_path, seconds), Sampling())
    assert pipe.options["generate_kwargs"].get("max_length") == most


def test_the_bound_is_of_the_kind_that_the_files_give(tmp_path: Path) -> None:
    pipe = CountingPipe("seq2seq_whisper")
    limits = {"generation_config": Limits(448, max_new_tokens=90)}
    pipe.model = type("Model", (FakePipe.model,), limits)  # type: ignore[assignment]
    AsrModel("fake", pipe).generate(prompts(tmp_path, 1.0), Sampling())
    assert pipe.options["generate_kwargs"] == {"max_new_tokens": 90}


@dataclass(frozen=True)
class Limits:
    """What a generation configuration says of lengths."""

    max_length: int
    max_new_tokens: int | None = None


class FakePipe:
    """Writes what it is told, and fails on a batch that holds a loud clip."""

    type = "seq2seq_whisper"

    class feature_extractor:
        sampling_rate = RATE

    class model:
        dtype, config = "float32", None

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)

    def __call__(self, inputs: Sequence[Any], **options: Any) -> Any:
        if len(inputs) > 1 and any(np.std(one["raw"]) > 0.15 for one in inputs):
            raise RuntimeError("the batch does not fit")
        return [{"text": self.texts.pop(0)} for _ in inputs]


def test_a_loop_is_a_failed_reply_with_its_reason(tmp_path: Path) -> None:
    texts = ["good words", "Thank you. " * 50, "more good words"]
    asr = AsrModel("fake", FakePipe(texts))
    quiet = prompts(tmp_path, 1.0) * 3
    first, loop, last = asr.generate(quiet, Sampling())
    assert (first, last) == (Reply("good words"), Reply("more good words"))
    assert (loop.text, loop.stop) == ("", "failed")
    assert loop.error == "repetition: the transcript repeats 'thankyou' 50 times"


def test_a_batch_that_fails_is_read_one_by_one(tmp_path: Path) -> None:
    asr = AsrModel("fake", FakePipe(["a", "b"]), AsrSettings(batch=4))
    replies = asr.generate(prompts(tmp_path, 1.0, 1.0), Sampling())
    assert [reply.text for reply in replies] == ["a", "b"]


class CountingPipe(FakePipe):
    """Writes how many samples each clip has, and keeps the sizes of the batches."""

    def __init__(self, kind: str, masked: bool = False) -> None:
        super().__init__([])
        self.type = kind
        self.sizes: list[int] = []
        self.options: dict[str, Any] = {}
        self.feature_extractor: Any = type(
            "Extractor", (), {"sampling_rate": RATE, "return_attention_mask": masked}
        )

    def __call__(self, inputs: Sequence[Any], **options: Any) -> Any:
        self.sizes.append(len(inputs))
        self.options = options
        return [{"text": str(len(one["raw"]))} for one in inputs]


def test_replies_are_in_the_order_of_the_prompts_although_some_cannot_be_read(
    tmp_path: Path,
) -> None:
    pipe = CountingPipe("seq2seq_whisper")
    one, two, short = prompts(tmp_path, 1.0, 2.0, 0.05)
    none = replace(one, parts=("?",))
    missing = replace(one, parts=(Clip(path=str(tmp_path / "none.wav")), "?"))
    asr = AsrModel("fake", pipe, AsrSettings(batch=8))
    replies = asr.generate([one, none, short, missing, two], Sampling())
    assert [reply.text for reply in replies] == [str(RATE), "", "", "", str(2 * RATE)]
    assert [reply.stop == "failed" for reply in replies] == [False, True, False, True, False]
    assert replies[1].error == "0 clips, and a recogniser takes one"
    assert pipe.sizes == [2]  # too short a clip is not read


@pytest.mark.parametrize(
    ("kind", "masked", "sizes"),
    [("seq2seq_whisper", False, [2, 1]), ("ctc", True, [2, 1]), ("ctc", False, [1, 1, 1])],
)
def test_clips_are_padded_only_for_a_model_that_does_not_read_the_padding(
    kind: str, masked: bool, sizes: list[int], tmp_path: Path
) -> None:
    pipe = CountingPipe(kind, masked)
    asr = AsrModel("fake", pipe, AsrSettings(batch=2))
    replies = asr.generate(prompts(tmp_path, 1.0, 0.5, 2.0), Sampling())
    assert [reply.text for reply in replies] == [str(int(s * RATE)) for s in (1.0, 0.5, 2.0)]
    assert pipe.sizes == sizes


def test_a_clip_over_30_s_is_read_alone(tmp_path: Path) -> None:
    pipe = CountingPipe("seq2seq_whisper")
    asr = AsrModel("fake", pipe, AsrSettings(batch=4))
    replies = asr.generate(prompts(tmp_path, 26.0, 31.0, 30.0), Sampling())
    assert [reply.text for reply in replies] == [str(n * RATE) for n in (26, 31, 30)]
    assert pipe.sizes == [1, 2]


def test_clips_of_different_bounds_are_not_read_together(tmp_path: Path) -> None:
    pipe = CountingPipe("seq2seq_whisper")
    asr = AsrModel("fake", pipe, AsrSettings(batch=4))
    asr.generate(prompts(tmp_path, 1.0, 6.0, 2.0), Sampling())
    assert pipe.sizes == [2, 1]
