"""What one update does to the weights: AdamW's arithmetic, the loss, and dropout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from harken.item import Item
from harken.runs import Run
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named

PLAIN: dict[str, Any] = {
    "steps": 1, "batch": 4, "lr": 1e-2, "warmup": 0.0, "decay": 0.0, "modality_dropout": 0.0,
    "augment": False, "threads": 1,
}  # fmt: skip
"""One step at exactly `lr`: no warm-up, and the cosine has not begun to fall."""

STILL = 1e-20
"""A rate that changes no weight, but whose gradients are computed: a rate of 0 freezes."""


def updated(
    folder: Path, items: list[Item] | None = None, dropout: float = 0.0, **changes: Any
) -> tuple[list[Tensor], list[Tensor], list[dict[str, Any]]]:
    """Weights before and after fine-tuning, and the metrics."""
    learner = mini(1, audio_encoder="conformer", dropout=dropout)
    items = items or [named(folder, name, 0, 0.3) for name in NAMES]
    before = [weight.detach().clone() for weight in learner.parameters()]
    run = Run.open(folder / f"run {len(list(folder.iterdir()))}", {})
    sft(learner, items, SftSettings(**{**PLAIN, **changes}), run)
    return before, [weight.detach() for weight in learner.parameters()], run.records("metrics")


def length(before: list[Tensor], after: list[Tensor]) -> float:
    """Of the change over all weights."""
    return sum(float((b - a).square().sum()) for a, b in zip(before, after, strict=True)) ** 0.5


def test_weight_decay_takes_its_share_of_every_weight(tmp_path: Path) -> None:
    """AdamW: besides the gradient's part, a step takes lr times decay of each weight."""
    start, plain, _ = updated(tmp_path)
    _, decayed, _ = updated(tmp_path, decay=0.5)
    for weight, one, other in zip(start, plain, decayed, strict=True):
        torch.testing.assert_close(other - one, -1e-2 * 0.5 * weight, atol=2e-6, rtol=1e-3)


def test_the_gradient_is_clipped(tmp_path: Path) -> None:
    """Adam's first step is lr g / (|g| + 1e-8): a gradient of length 1e-10 moves 0.01 lr at most.

    Longer gradients are felt only against that 1e-8, as Adam divides by their own size.
    """
    start, free, (loose,) = updated(tmp_path, clip_norm=1e9)
    _, held, (tight,) = updated(tmp_path, clip_norm=1e-10)
    assert length(start, free) > 1e-2
    assert 0 < length(start, held) <= 1e-2 * 0.01 * 1.01
    assert loose["grad_norm"] == tight["grad_norm"] > 0.1  # as it was before it was clipped


def test_smoothing_mixes_the_answer_with_all_tokens(tmp_path: Path) -> None:
    """The loss is linear in the smoothing, and at 1 the answer plays no part."""
    lines = [named(tmp_path, "noise", 0, 0.3)]
    loss = {s: updated(tmp_path, lines, smoothing=s)[2][0]["loss"] for s in (0.0, 0.5, 1.0)}
    assert loss[0.5] == pytest.approx((loss[0.0] + loss[1.0]) / 2, abs=1e-5)
    assert abs(loss[0.0] - loss[1.0]) > 0.01


def losses(folder: Path, dropout: float, **changes: Any) -> list[float]:
    """Of one and the same batch, step after step, by a model that does not change."""
    item = replace(named(folder, "noise", 0, 0.3), choices=())
    metrics = updated(folder, [item], dropout, lr=STILL, steps=3, **changes)[2]
    return [record["loss"] for record in metrics]


def test_dropout_is_drawn_for_every_step_from_the_seed(tmp_path: Path) -> None:
    assert len(set(losses(tmp_path, 0.0))) == 1
    dropped = losses(tmp_path, 0.4)
    assert len(set(dropped)) == 3
    assert losses(tmp_path, 0.4) == dropped
    assert set(losses(tmp_path, 0.4, seed=7)).isdisjoint(dropped)


def test_every_step_takes_its_own_gradient_at_its_own_rate(tmp_path: Path) -> None:
    """The gradient is not the sum of all so far, and the rate is not always the highest."""
    item = [replace(named(tmp_path, "noise", 0, 0.3), choices=())]
    norms = [r["grad_norm"] for r in updated(tmp_path, item, lr=STILL, steps=3)[2]]
    assert norms == pytest.approx([norms[0]] * 3)
    start, slow, records = updated(tmp_path, item, steps=2, warmup=1.0)
    assert [record["lr"] for record in records] == pytest.approx([0.5e-2, 0.525e-2])
    _, fast, _ = updated(tmp_path, item, steps=2)
    assert length(start, slow) < 0.8 * length(start, fast)
