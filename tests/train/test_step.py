"""A step: accumulation over micro-batches, and which modules are in training mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.sft import SftSettings, sft
from harken.train.step import set_modes
from tiny_audio import NAMES, alike, mini, named


def mixed(folder: Path) -> list[Item]:
    """Items of different lengths, with one clip, two clips and none: tokens differ by example."""
    one = [named(folder, name, 0, 0.3) for name in NAMES]
    text = Item(question="Which one?", answer="noise and a low tone and noise again")
    return [*one, alike(folder, "noise", "noise"), one[0].with_clips(()), text, text]


def after(
    folder: Path, steps: int = 3, **changes: Any
) -> tuple[ComposedModel, list[dict[str, Any]]]:
    learner = mini(1, audio_encoder="conformer", dropout=0.0)  # no batch norm, which has batches
    settings = SftSettings(**{"steps": steps, "lr": 1e-4, "threads": 1, "warmup": 0.0, **changes})
    with Run.open(folder / f"run {len(list(folder.iterdir()))}", {}) as run:
        sft(learner, mixed(folder), settings, run)
        return learner, run.records("metrics")


@pytest.mark.parametrize(("batch", "accumulate"), [(2, 4), (1, 8), (4, 2), (3, 2)])
def test_accumulation_has_the_gradient_of_one_batch(
    batch: int, accumulate: int, tmp_path: Path
) -> None:
    """Within 1e-6 in float32: a mean of the micro-batches' means would be another loss."""
    whole, expected = after(tmp_path, batch=batch * accumulate)
    parts, found = after(tmp_path, batch=batch, accumulate=accumulate)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["answer_tokens"] == theirs["answer_tokens"] and ours["clips"] == theirs["clips"]
        for name in ("loss", "grad_norm", "audio_grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=2e-5), name
    others = dict(parts.net.named_parameters())
    for name, weight in whole.net.named_parameters():
        torch.testing.assert_close(others[name], weight, atol=1e-6, rtol=0, msg=name)


def test_a_mean_of_means_would_be_told_apart(tmp_path: Path) -> None:
    """The micro-batches of these items have different numbers of answer tokens."""
    from whole_batch import make_batch

    from harken.train.batch import BatchSettings, grouped
    from harken.train.objective import pieces

    batch = make_batch(mini(), grouped(mixed(tmp_path), 1), BatchSettings(), 8, 0, 0)
    tokens = {sum(one.answer_tokens for one in part) for part in pieces(batch.examples, 2)}
    assert len(tokens) > 1


def modes(learner: ComposedModel, groups: tuple[str, ...]) -> dict[str, bool]:
    learner.trainable(groups)
    set_modes(learner.net, True)
    return {name: module.training for name, module in learner.net.named_modules()}


@pytest.mark.parametrize("groups", [("projector",), ("lm", "projector"), ("audio_encoder",)])
def test_frozen_groups_are_in_evaluation_mode(groups: tuple[str, ...]) -> None:
    found = modes(mini(audio_encoder="conformer", dropout=0.1), groups)
    for name, training in found.items():
        assert training is (not name or name.split(".")[0] in groups), name


def test_statistics_of_a_frozen_encoder_stay(tmp_path: Path) -> None:
    """The batch norm of the ResNet, over several steps in which the projector is trained."""
    learner = mini(1)
    before = {name: buffer.clone() for name, buffer in learner.net.named_buffers()}
    assert any("running_mean" in name for name in before)

    def train(groups: tuple[str, ...]) -> set[str]:
        settings = SftSettings(steps=2, batch=4, lr=1e-3, threads=1, groups=groups)
        with Run.open(tmp_path / "-".join(groups), {}) as run:
            sft(learner, mixed(tmp_path), settings, run)
        return {n for n, b in learner.net.named_buffers() if not torch.equal(b, before[n])}

    assert train(("projector", "lm")) == set()
    assert any("running_mean" in name for name in train(("audio_encoder",)))


def test_with_lora_the_base_is_in_evaluation_mode() -> None:
    pytest.importorskip("peft")
    learner = mini()
    learner.add_lora(2, 4)
    found = modes(learner, ("lm",))
    inside = {name: on for name, on in found.items() if name.startswith("lm.")}
    assert {name for name, on in inside.items() if on}
    assert all("lora_" in name for name, on in inside.items() if on)
    assert all(on for name, on in inside.items() if name.endswith((".lora_A", ".lora_dropout")))
    assert not any(on for name, on in found.items() if name.startswith("audio_encoder."))
