"""Evaluations during training: when they are made, what they know, and how they end a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.checkpoint import open_stage
from harken.train.evaluation import RECORDS, Evaluate, Evaluation, current, evaluating
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named


class Stop(Exception):
    """What a process is stopped by."""


def train(folder: Path, evaluate: Evaluate | None, **changes: Any) -> tuple[ComposedModel, Run]:
    learner = mini(1)
    items = [named(folder / "sounds", name, 0, 0.3) for name in NAMES]
    settings = SftSettings(**{
        "steps": 6, "batch": 2, "lr": 1e-3, "threads": 1, "evaluate_every": 2,
        "checkpoint_every": 3, **changes,
    })  # fmt: skip
    with Run.open(folder / "run", {}) as run:
        if evaluate is None:
            sft(learner, items, settings, run)
        else:
            with evaluating(evaluate):
                sft(learner, items, settings, run)
    return learner, run


def counting(step: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
    return Evaluation({"seen": [record["step"] for record in earlier]})


@pytest.mark.parametrize(
    ("every", "steps", "expected"),
    [(2, 6, [0, 2, 4, 6]), (4, 6, [0, 4, 6]), (10, 3, [0, 3]), (1, 2, [0, 1, 2]), (0, 4, [])],
)
def test_first_before_step_0_and_last_after_the_end(
    every: int, steps: int, expected: list[int], tmp_path: Path
) -> None:
    _, run = train(tmp_path, counting, evaluate_every=every, steps=steps)
    found = run.records(RECORDS)
    assert [record["step"] for record in found] == expected
    assert [record["seen"] for record in found] == [expected[:n] for n in range(len(expected))]
    assert all(record["stage"] == "sft" and record["stop"] == "" for record in found)
    assert current() is None


def test_an_evaluation_changes_no_weight(tmp_path: Path) -> None:
    import torch

    def noisy(step: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
        torch.rand(100)
        return Evaluation()

    plain, _ = train(tmp_path / "a", None)
    watched, _ = train(tmp_path / "b", noisy)
    assert watched.identity() == plain.identity()


@pytest.mark.parametrize("at", [0, 2, 4, 6])
def test_a_stop_ends_the_stage_with_a_checkpoint(at: int, tmp_path: Path) -> None:
    def stop(step: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
        return Evaluation({"gap": 0.0}, "it went deaf" if step == at else "")

    learner, run = train(tmp_path, stop)
    assert [record["step"] for record in run.records("metrics")] == list(range(at))
    assert run.records(RECORDS)[-1] == {
        "stage": "sft", "step": at, "stop": "it went deaf", "gap": 0.0,
    }  # fmt: skip
    kept = open_stage(run, "sft")
    assert (kept.finished, kept.step, kept.stopped) == (True, at, "it went deaf")
    again, _ = train(tmp_path, stop)  # a finished stage is loaded
    assert again.identity() == learner.identity()
    short, _ = train(tmp_path / "short", None, evaluate_every=0) if at == 6 else (learner, run)
    assert short.identity() == learner.identity()


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_killed_in_an_evaluation_it_is_made_again(cut: int, tmp_path: Path) -> None:
    whole, expected = train(tmp_path / "whole", counting)
    asked: list[int] = []

    def dies(step: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
        asked.append(step)
        if len(asked) == cut + 1:
            raise Stop
        return counting(step, earlier)

    with pytest.raises(Stop):
        train(tmp_path / "cut", dies)
    learner, run = train(tmp_path / "cut", counting)
    assert learner.identity() == whole.identity()
    for name in ("metrics", RECORDS):
        assert run.records(name) == expected.records(name)
