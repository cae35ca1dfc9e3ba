"""Dry runs leave a stage in time, see what it trains on, and save nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harken.item import Item
from harken.runs import Run
from harken.train.align import AlignSettings, align
from harken.train.dpo import DpoSettings, dpo
from harken.train.dry import DryRun, current, dry_run, plan_of, plan_text
from harken.train.grpo import GrpoSettings, grpo
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named

FEW: dict[str, Any] = {"steps": 50, "threads": 1}
STAGES: dict[str, tuple[Any, Any]] = {
    "sft": (sft, SftSettings(batch=3, accumulate=2, **FEW)),
    "packed": (sft, SftSettings(batch=3, pack_tokens=60, **FEW)),
    "grpo": (grpo, GrpoSettings(items=2, group=8, max_tokens=3, temperature=3.0, kl=0.0, **FEW)),
    "dpo": (dpo, DpoSettings(batch=2, from_choices=True, **FEW)),
}


def dried(stage: str, folder: Path, steps: int) -> DryRun:
    run_stage, settings = STAGES[stage]
    items = [named(folder, name, n) for name in NAMES for n in range(2)]
    learner = mini()
    with dry_run(steps) as seen, Run.open(folder / "run", {}) as run:
        run_stage(learner, items, settings, run)
    assert current() is None and not (folder / "run" / "checkpoint").exists()
    assert seen.learner is learner
    return seen


@pytest.mark.parametrize("stage", STAGES)
def test_the_first_step_is_seen_and_nothing_is_trained(stage: str, tmp_path: Path) -> None:
    seen = dried(stage, tmp_path, 0)
    assert seen.seconds == [] and seen.memory == {}
    examples = next((step for step in seen.examples if step), [])
    expected = {"sft": 6, "packed": 3, "dpo": 4}.get(stage)
    if expected is not None:  # replies of grpo may all be worth the same
        assert len(examples) == expected and len(seen.items) == expected // (1 + (stage == "dpo"))
    assert all(one.answer_tokens for one in examples)


def test_so_many_steps_are_timed(tmp_path: Path) -> None:
    seen = dried("sft", tmp_path, 3)
    assert len(seen.seconds) == len(seen.examples) == 3
    assert seen.learner is not None
    net, memory = seen.learner.net, seen.memory
    whole = sum(tensor.nbytes for tensor in [*net.parameters(), *net.buffers()])
    assert sum(memory[group] for group in ("audio_encoder", "projector", "lm")) == pytest.approx(
        whole, rel=0.2
    )  # tied weights count once
    trained = sum(parameter.nbytes for parameter in seen.learner.parameters())
    assert memory["gradients"] == trained and memory["activations"] > 0
    assert 2 * trained <= memory["optimiser"] < 2.1 * trained  # two moments


def test_activations_grow_with_the_examples_and_not_with_the_steps(tmp_path: Path) -> None:
    found = {}
    for batch, accumulate in ((1, 1), (4, 1), (1, 4)):
        items = [
            Item("Name it.", name, (), named(tmp_path, name, n).clips)
            for name in NAMES
            for n in range(2)
        ]
        settings = AlignSettings(batch=batch, accumulate=accumulate, **FEW)
        folder = tmp_path / f"{batch}{accumulate}"
        with dry_run(2) as seen, Run.open(folder, {}) as run:
            align(mini(), items, settings, run)
        found[batch, accumulate] = seen.memory["activations"]
    assert found[4, 1] > 2 * found[1, 1]
    assert found[1, 4] < 1.5 * found[1, 1]


def test_a_plan_by_hand(tmp_path: Path) -> None:
    seen = dried("sft", tmp_path, 3)
    seen.seconds = [100.0, 2.0, 4.0]  # the first is left out
    tokens = sum(len(one.ids) for step in seen.examples[1:] for one in step)
    found = plan_of(seen, {"examples": 8})
    assert found["step_s"] == 3.0 and found["tokens_per_s"] == round(tokens / 6, 1)
    assert found["hours"] == round(50 * 3 / 3600, 3) and found["epochs"] == 50 * 6 / 8
    assert found["memory_bytes"]["total"] == sum(seen.memory.values())
    del found["measured"]["examples"]
    text = plan_text(found)
    assert "50 steps of 6 items = 37.5 epochs" in text and "step: 3 s" in text
