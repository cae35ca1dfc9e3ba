"""Probes before step 0: what they find on a sound model (nothing), and on planted faults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import torch
from tiny import write
from torch import Tensor

from harken.ask.prompt import make_prompt, target
from harken.errors import ModelError, RunError
from harken.item import Item
from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.runs import Run
from harken.train.arrival import AudioFaultWarning, AudioWatch, check_arrival
from tiny_audio import NAMES, alike, mini, named

Encode = Callable[[Sequence[Any]], list[Tensor]]


def opened(kind: str, folder: Path) -> Learner:
    if kind.startswith("composed"):
        return mini(audio_encoder=kind.partition(" ")[2] or "resnet")
    tiny = {"qwen2_audio": tiny_qwen2_audio.TINY, "af3": tiny_audioflamingo3.TINIES[0]}[kind]
    write(tiny, folder / kind, FAMILIES.get(tiny.kind).template)
    return load_learner(f"native:{folder / kind}")


def items(folder: Path) -> list[Item]:
    """Four sounds of equal length, and a longer one last."""
    same = [named(folder, name, seconds=0.9) for name in NAMES]
    return [*same, alike(folder, "noise", "clicks"), named(folder, "noise", 5, 2.4)]


def examples(learner: Learner, asked: Sequence[Item]) -> list[TokenizedPrompt]:
    found = []
    for item in asked:
        prompt = make_prompt(item, learner.style)
        found.append(learner.tokenize(prompt, target(item, prompt)))
    return found


def probed(learner: Learner, asked: list[Item], folder: Path, faults: str = "tell") -> list[str]:
    learner.trainable(("audio_encoder", "projector", "lm"))
    with Run.open(folder / "run", {}) as run, warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioFaultWarning)
        told = check_arrival(learner, asked, examples(learner, asked), run, stage="sft",
                             faults=faults)  # fmt: skip
        assert [r["audio_fault"] for r in run.records("log") if "audio_fault" in r] == told
    return told


@pytest.mark.parametrize("kind", ["composed", "composed conformer", "qwen2_audio", "af3"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_sound_model_passes_and_is_not_changed(kind: str, dtype: str, tmp_path: Path) -> None:
    learner = opened(kind, tmp_path).to(dtype=dtype)
    asked = items(tmp_path)
    before, state = learner.identity(), torch.get_rng_state()
    told = probed(learner, asked, tmp_path)
    assert [text for text in told if "RMS" not in text] == []  # fresh weights have any scale
    assert learner.identity() == before and torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in learner.net.parameters())
    assert not learner.net.training and learner.engine.audio is None


def planted(learner: Learner, change: Callable[[Encode, Sequence[Any]], list[Tensor]]) -> None:
    plain = learner.net.encode
    learner.net.encode = lambda features: change(plain, features)  # type: ignore[method-assign]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite(value: float, tmp_path: Path) -> None:
    learner = mini()
    asked = items(tmp_path)
    long = asked[-1].clips[0].name

    def spoil(encode: Encode, given: Sequence[Any]) -> list[Tensor]:
        made = encode(given)
        return [t * value if len(x) > 100 else t for t, x in zip(made, given, strict=True)]

    planted(learner, spoil)
    with pytest.raises(ModelError, match=rf"item {asked[-1].id}.*\({long}\).*not finite, in float"):
        probed(learner, asked, tmp_path)


@pytest.mark.parametrize("more", [1, -1])
def test_another_number_of_tokens(more: int, tmp_path: Path) -> None:
    learner = mini()
    planted(learner, lambda encode, given: [t.roll(1, 0).repeat(2, 1)[: len(t) + more]
                                            for t in encode(given)])  # fmt: skip
    with pytest.raises(ModelError, match="audio placeholders and the encoder gave"):
        probed(learner, items(tmp_path), tmp_path)


def test_the_order_of_clips_changed_in_a_batch(tmp_path: Path) -> None:
    """All have the same length, so that no count is wrong."""
    learner = mini()
    asked = items(tmp_path)[:4]
    planted(learner, lambda encode, given: encode(given)[::-1])
    words = f"{asked[3].id}: encoded with other clips, clicks-.* tokens of low tone-.*{asked[0].id}"
    with pytest.raises(RunError, match=words):
        probed(learner, asked, tmp_path)


@pytest.mark.parametrize("keep_s", [0.5, 1.0, 1.7])
def test_a_clip_that_is_cut_off(
    keep_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder that reads the beginning only, as extractors do after 30 s."""
    learner = mini()
    plain = type(learner.net.audio_encoder).features
    monkeypatch.setattr(
        type(learner.net.audio_encoder),
        "features",
        lambda own, samples: plain(own, samples[: round(keep_s * 16_000)]),
    )
    learner._kind = f"cut at {keep_s}"
    asked = items(tmp_path)
    words = f"item {asked[-1].id}: the last 0.5 s of noise-2.4-5.wav .* cut off"
    with pytest.raises(RunError, match=words):
        probed(learner, asked, tmp_path)


@pytest.mark.parametrize("kind", ["composed", "qwen2_audio"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_output_is_told(kind: str, value: float, tmp_path: Path) -> None:
    learner = opened(kind, tmp_path)
    asked = items(tmp_path)
    planted(learner, lambda encode, given: [t * 0 + value for t in encode(given)])
    told = probed(learner, asked[:4], tmp_path)
    (text,) = [text for text in told if "are equal" in text]
    assert f"(item {asked[0].id})" in text and "of 4 different clips" in text
    with pytest.raises(RunError, match="are equal"):
        probed(learner, asked[:4], tmp_path / "stop", "stop")


@pytest.mark.parametrize("scale", [1e3, 1e-3])
def test_a_wrong_scale_is_told_with_both_numbers(scale: float, tmp_path: Path) -> None:
    learner = mini()
    asked = items(tmp_path)
    planted(learner, lambda encode, given: [t * scale for t in encode(given)])
    (text,) = probed(learner, asked, tmp_path)
    assert "have an RMS of" in text and "the embeddings of text" in text
    assert any(f"item {item.id}:" in text for item in asked)


def test_a_language_model_that_cannot_see_the_audio(tmp_path: Path) -> None:
    """A mask over the audio: the loss is as usual, and no gradient reaches the audio tokens."""
    learner = mini()
    asked = items(tmp_path)
    lm: Any = learner.net.lm
    decoder = lm.get_decoder()
    places = [set() for _ in asked]
    for row, example in enumerate(examples(learner, asked)[:4]):
        places[row] = {n for n, i in enumerate(example.ids) if i == learner.tokenizer.audio}

    def blind(module: Any, args: Any, options: dict[str, Any]) -> Any:
        embedded = options["inputs_embeds"]
        rows, size = embedded.shape[:2]
        mask = torch.ones(rows, size, dtype=torch.long)
        for row in range(rows):
            mask[row, [n for n in places[row] if n < size]] = 0
        return args, {**options, "attention_mask": mask}

    hook = decoder.register_forward_pre_hook(blind, with_kwargs=True)
    (text,) = probed(learner, asked, tmp_path)
    hook.remove()
    assert "no gradient reaches the audio tokens of 4 of 4 clips, at a loss of" in text
    assert all(f"item {item.id}: {item.clips[0].name}" in text for item in asked[:4])


def test_what_is_frozen_between_audio_and_language_model_is_told(tmp_path: Path) -> None:
    learner = mini()
    asked = items(tmp_path)
    for groups, expected in ((("lm",), 1), (("lm", "projector"), 0), (("audio_encoder",), 0)):
        learner.trainable(groups)
        with Run.open(tmp_path / groups[-1], {}) as run, warnings.catch_warnings():
            warnings.simplefilter("ignore", AudioFaultWarning)
            told = check_arrival(learner, asked, examples(learner, asked), run, stage="sft")
        assert sum("are frozen" in text for text in told) == expected


def test_items_without_audio_are_not_probed(tmp_path: Path) -> None:
    learner = mini()
    text = Item("Which?", "a", ("a", "b"))
    planted(learner, lambda encode, given: pytest.fail("nothing is to be encoded"))
    assert probed(learner, [text], tmp_path) == []


def test_steps_without_gradient_are_told_after_1_10_and_100(tmp_path: Path) -> None:
    deaf = {"clips": 3, "grad_norm": 0.5, "audio_grad_norm": 0.0}
    told = []
    with Run.open(tmp_path / "run", {}) as run, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        watch = AudioWatch(run, "sft", "tell")
        for step in range(130):
            before = len(caught)
            watch.see(deaf, ["x", "y"])
            told += [step + 1] * (len(caught) - before)
        assert told == [1, 10, 100] and "in 10 steps in a row" in str(caught[1].message)
        assert "items x, y" in str(caught[0].message) and "grad_norm 0.5" in str(caught[0].message)
        for heard in ({**deaf, "audio_grad_norm": 1e-9}, {**deaf, "clips": 0}, {"clips": 3}):
            watch.see(heard)
        assert watch.silent == 0 and len(caught) == 3
    with (
        Run.open(tmp_path / "stop", {}) as run,
        pytest.raises(RunError, match="no gradient has reached"),
    ):
        AudioWatch(run, "sft", "stop").see(deaf)
