"""Twenty planted faults of the path of the audio, each caught with the item and the fault named.

The kinds are those of reports about other trainers: training looks healthy, and the audio did not
arrive, or is not what the item says.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import tiny_qwen2_audio
import torch
from tiny import write
from torch import Tensor

from harken.audio.clip import Clip
from harken.errors import HarkenError
from harken.item import Item
from harken.models.engine import engine as engine_module
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.runs import Run
from harken.train.arrival import AudioFaultWarning
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named


@dataclass
class Planted:
    """A training with one fault: what the test says of it, and the items that must be named."""

    learner: Learner
    items: list[Item]
    folder: Path
    patch: pytest.MonkeyPatch
    named: list[Item]
    groups: tuple[str, ...] = ("audio_encoder", "projector", "lm")


Plant = Callable[[Planted], None]
FAULTS: dict[str, tuple[Plant, str]] = {}
"""Name -> what plants it, and what is said."""


def fault(words: str) -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = (plant, words)
        return plant

    return add


def encoding(planted: Planted, change: Callable[[list[Tensor]], list[Tensor]]) -> None:
    plain = planted.learner.net.encode
    planted.patch.setattr(planted.learner.net, "encode", lambda given: change(plain(given)))


def later(change: Callable[[list[Tensor]], list[Tensor]]) -> Callable[[list[Tensor]], list[Tensor]]:
    """`change` in training only: after the probes before step 0, which are without dropout."""
    return lambda made: change(made) if torch.is_grad_enabled() and len(made) > 4 else made


def tokenizing(planted: Planted, change: Callable[[Any], Any]) -> None:
    plain = planted.learner.tokenize_turns
    planted.patch.setattr(
        planted.learner, "tokenize_turns", lambda *given: change(plain(*given)), raising=False
    )


@fault(r"clip 1 of 1 .*wav.* has \d+ audio placeholders and the encoder gave \d+")
def one_token_too_few(planted: Planted) -> None:
    encoding(planted, lambda made: [made[0][:-1], *made[1:]])


@fault(r"clip 1 of 2 .*wav.* has \d+ audio placeholders and the encoder gave \d+")
def counts_wrong_in_two_clips_and_right_in_their_sum(planted: Planted) -> None:
    """Only in training, so that the probes see nothing."""
    one, other = named(planted.folder, "noise", 7, 0.7), named(planted.folder, "clicks", 8, 0.9)
    planted.items[:] = [one.with_clips((*one.clips, *other.clips))] * 6
    planted.items[:] = [replace(item, question=f"{n}?") for n, item in enumerate(planted.items)]
    planted.named[:] = planted.items

    def shift(made: list[Tensor]) -> list[Tensor]:
        return [made[0][:-1], torch.cat([made[1], made[0][-1:]])]

    plain = planted.learner.net.encode
    planted.patch.setattr(
        planted.learner.net,
        "encode",
        lambda given: shift(plain(given)) if torch.is_grad_enabled() else plain(given),
    )


@fault(r"is encoded from another clip")
def clips_of_two_rows_exchanged_in_the_batch(planted: Planted) -> None:
    plain = engine_module.collate

    def exchanged(*given: Any, **options: Any) -> Any:
        batch = plain(*given, **options)
        first, second, *rest = batch.audio_inputs
        return replace(batch, audio_inputs=(second, first, *rest))

    planted.patch.setattr(engine_module, "collate", exchanged)


@fault(r"clip 1 of 1 is .*wav.*, and its tokens are those of")
def clips_of_two_items_exchanged(planted: Planted) -> None:
    plain = planted.learner.prompt_tokenizer.audio_input
    clips = [item.clips[0] for item in planted.items[:2]]
    other = dict(zip(clips, clips[::-1], strict=True))
    planted.learner.prompt_tokenizer.audio_input = lambda clip: plain(other.get(clip, clip))
    planted.named[:] = planted.items[:2]


@fault(r"has 1 clips, and 0 are in its tokens")
def audio_left_out_of_the_prompt(planted: Planted) -> None:
    audio = planted.learner.tokenizer.audio

    def without(one: Any) -> Any:
        ids = tuple(i for i in one.ids if i != audio)
        return replace(one, ids=ids, audio_inputs=(), clip_numbers=())

    tokenizing(planted, without)


@fault(r"gets the audio tokens of .*wav.*item")
def order_of_clips_changed_by_the_encoder(planted: Planted) -> None:
    encoding(planted, lambda made: made[::-1])


@fault(r"the last 0.5 s of .*wav .* change none of its \d+ audio tokens: the clip is cut off")
def long_audio_cut_off(planted: Planted) -> None:
    encoder = type(planted.learner.net.audio_encoder)
    plain: Any = encoder.features
    planted.patch.setattr(encoder, "features", lambda own, wave: plain(own, wave[:16_000]))
    planted.learner._kind = "cut"  # type: ignore[attr-defined]
    planted.items.append(named(planted.folder, "noise", 9, 2.2))
    planted.named[:] = planted.items[-1:]


@fault(r"would carry a loss, and \d+ of them are audio placeholders")
def placeholders_with_a_loss(planted: Planted) -> None:
    """As where labels are the ids of the prompt, and nothing says where it ends."""
    tokenizing(planted, lambda one: replace(one, answer=len(one.ids) - 1, clip_numbers=()))


@fault(r"2 tokens of the prompt are in the loss")
def prompt_with_a_loss(planted: Planted) -> None:
    tokenizing(planted, lambda one: replace(one, answer=one.answer + 2))


@fault(r"no gradient reaches the audio tokens of \d+ of \d+ clips")
def mask_over_the_audio(planted: Planted) -> None:
    lm: Any = planted.learner.net.lm
    audio = planted.learner.tokenizer.audio
    plain = engine_module.collate
    seen: list[Tensor] = []

    def remember(*given: Any, **options: Any) -> Any:
        batch = plain(*given, **options)
        seen[:] = [batch.ids]
        return batch

    def blind(module: Any, given: Any, options: dict[str, Any]) -> Any:
        return given, {**options, "attention_mask": (seen[0] != audio).long()}

    planted.patch.setattr(engine_module, "collate", remember)
    lm.get_decoder().register_forward_pre_hook(blind, with_kwargs=True)


@fault(r"the audio tokens of \d+ different clips are equal: .* and are 0 at most")
def output_of_the_projector_dropped(planted: Planted) -> None:
    encoding(planted, lambda made: [tokens * 0 for tokens in made])


@fault(r"the audio tokens of \d+ different clips are equal")
def constant_features(planted: Planted) -> None:
    plain = planted.learner.net.encode
    planted.patch.setattr(
        planted.learner.net, "encode", lambda given: plain([np.ones_like(x) for x in given])
    )


@fault(r"audio tokens that are not finite, in float32")
def features_that_are_nan(planted: Planted) -> None:
    encoding(planted, later(lambda made: [made[0] * float("nan"), *made[1:]]))


@fault(r"audio tokens that are not finite, in bfloat16")
def overflow_in_low_precision(planted: Planted) -> None:
    planted.learner.to(dtype="bfloat16")
    with torch.no_grad():
        for parameter in planted.learner.net.projector.parameters():
            parameter.mul_(1e38)


@fault(r"have an RMS of .*, the embeddings of text .* times")
def output_in_another_scale(planted: Planted) -> None:
    encoding(planted, lambda made: [tokens * 1e3 for tokens in made])


@fault(r"audio encoder and projector are frozen")
def audio_path_frozen(planted: Planted) -> None:
    planted.groups = ("lm",)
    planted.named[:] = []


def put(planted: Planted, clip: Clip) -> None:
    item = Item("Which?", NAMES[0], NAMES, (clip,))
    planted.items.append(item)
    planted.named[:] = [item]


@fault(r"quiet.wav: .*\[silent\]")
def file_without_a_sound(planted: Planted) -> None:
    sf.write(planted.folder / "quiet.wav", np.zeros(8000), 16_000)
    put(planted, Clip(path=str(planted.folder / "quiet.wav")))


@fault(r"rate.wav: .*\[out-of-span\]")
def wrong_rate_in_the_header(planted: Planted) -> None:
    """A header that says twice the rate: half the length that the set says."""
    path = planted.folder / "rate.wav"
    sf.write(path, 0.3 * np.sin(np.arange(16_000) * 0.1), 16_000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[24:32] = struct.pack("<II", 32_000, 64_000)
    path.write_bytes(data)
    put(planted, Clip(path=str(path), start_s=0.6, duration_s=0.4))


@fault(r"other.wav: .*\[hash-mismatch\]")
def one_hash_for_two_files(planted: Planted) -> None:
    """The second file would never be decoded: its key is that of the first."""
    (first,) = planted.items[0].clips
    sf.write(planted.folder / "other.wav", np.random.default_rng(1).normal(0, 0.2, 8000), 16_000)
    put(planted, replace(first, path=str(planted.folder / "other.wav")))


@fault(r"the answer '.* and then a long end' is '.*' in its 3 tokens")
def answer_cut_by_the_tokenizer(planted: Planted) -> None:
    plain = TextTokenizer.encode
    planted.patch.setattr(
        TextTokenizer,
        "encode",
        lambda own, text: plain(own, text)[:3] if "long end" in text else plain(own, text),
    )
    long = Item("What?", "noise, clicks, and then a long end", (), planted.items[0].clips)
    planted.items.append(long)
    planted.named[:] = [long]


@fault(r"the chat template has 0 placeholders and the prompt 1 clips")
def chat_template_without_audio(planted: Planted) -> None:
    write(tiny_qwen2_audio.TINY, planted.folder / "own", FAMILIES.get("qwen2_audio").template)
    planted.learner = load_learner(f"native:{planted.folder / 'own'}")
    tokenizer: Any = planted.learner.prompt_tokenizer
    tokenizer.template = (
        "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
    )


def told(planted: Planted, faults: str = "tell") -> str:
    """All that a short training says."""
    settings = SftSettings(
        steps=3, batch=6, threads=1, lr=1e-4, groups=planted.groups, audio_faults=faults
    )
    with (
        warnings.catch_warnings(record=True) as caught,
        Run.open(planted.folder / f"run-{faults}", {}) as run,
    ):
        warnings.simplefilter("always")
        try:
            sft(planted.learner, planted.items, settings, run)
        except HarkenError as error:
            return str(error)
    own = [one for one in caught if issubclass(one.category, AudioFaultWarning)]
    return "\n".join(str(one.message) for one in own)


def healthy(folder: Path, patch: pytest.MonkeyPatch) -> Planted:
    items = [named(folder, name, n, 0.6) for name in NAMES for n in range(2)][:6]
    return Planted(mini(), items, folder, patch, list(items))


def test_a_healthy_training_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(healthy(tmp_path, monkeypatch)) == ""


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = healthy(tmp_path, monkeypatch)
    plant, words = FAULTS[name]
    plant(planted)
    text = told(planted)
    assert re.search(words, text, re.DOTALL), text
    assert any(item.id in text for item in planted.named) or not planted.named, text


def test_what_is_told_can_stop_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("output_of_the_projector_dropped", "output_in_another_scale", "audio_path_frozen"):
        planted = healthy(tmp_path / name, monkeypatch)
        FAULTS[name][0](planted)
        assert "audio_faults=tell lets" in told(planted, "stop")


def test_there_are_more_than_sixteen() -> None:
    assert len(FAULTS) >= 16
