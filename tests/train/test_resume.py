"""Training stopped anywhere and called again: the same weights and metrics to the last byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from short_training import fresh, open_run, stages

from harken.models.composed.model import ComposedModel
from harken.runs import Run, read_run
from made_items import contents


class Stop(Exception):
    """What a process is stopped by in these tests."""


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[str]]:
    """Stop before the n-th write of metrics or log from now on; returns the writes so far."""
    plain = {name: getattr(Run, name) for name in ("append", "log")}

    def stop_at(number: int | None) -> list[str]:
        done: list[str] = []

        def counted(name: str) -> Callable[..., None]:
            def write(run: Run, *args: Any, **more: Any) -> None:
                if len(done) == number:
                    raise Stop
                done.append(name)
                plain[name](run, *args, **more)

            return write

        for name in plain:
            monkeypatch.setattr(Run, name, counted(name))
        return done

    return stop_at


def trained(folder: Path, sounds: Path, count: int) -> ComposedModel:
    """A fresh model after the first `count` stages, in the run in `folder`."""
    learner = fresh()
    with open_run(folder) as run:
        for stage in stages(sounds)[:count]:
            stage(learner, run)
    return learner


def test_stopped_at_any_write_it_ends_with_the_same_bytes(
    tmp_path: Path, writes: Callable[[int | None], list[str]]
) -> None:
    """Each stage begins where the undisturbed run was, is stopped, and is called again."""
    sounds, before = tmp_path / "sounds", tmp_path / "0"
    trained(before, sounds, 0)
    tried = 0
    for number in range(1, len(stages(sounds)) + 1):
        whole = tmp_path / str(number)
        shutil.copytree(before, whole)
        done = writes(None)
        identity = trained(whole, sounds, number).identity()
        expected = contents(whole)
        # A stage that is complete writes nothing but what text warm-up says of its items.
        own = len(done) - (number > 1)
        for place in range(own):
            cut = tmp_path / "cut"
            shutil.copytree(before, cut)
            writes(place + (number > 1))
            with pytest.raises(Stop):
                trained(cut, sounds, number)
            writes(None)
            assert trained(cut, sounds, number).identity() == identity, (number, place)
            assert contents(cut) == expected, (number, place)
            shutil.rmtree(cut)
            tried += 1
        before = whole
    assert tried == (1 + 2 * 4) + 2 * 4 + 2 * 6 + (2 * 6 + 3)  # rollouts of three turns
    rewarded = [r for r in read_run(before).records("metrics") if r["stage"] == "grpo"]
    taken = [r for r in rewarded if r["groups_left_out"] < r["groups"]]
    assert len(taken) >= 4  # the others have no gradient, and nothing to go wrong in


def test_the_model_that_was_left_behind_may_go_on_itself(
    tmp_path: Path, writes: Callable[[int | None], list[str]]
) -> None:
    """Called again in the same process, a stage takes weights and reference from the run."""
    sounds, whole, cut = (tmp_path / name for name in ("sounds", "whole", "cut"))
    expected = trained(whole, sounds, 4).identity()
    learner = trained(cut, sounds, 3)
    with open_run(cut) as run:
        writes(2 * 5)
        with pytest.raises(Stop):
            stages(sounds)[3](learner, run)
        writes(None)
        stages(sounds)[3](learner, run)
    assert learner.identity() == expected
    assert read_run(cut).records("metrics") == read_run(whole).records("metrics")


def test_the_moments_of_the_optimizer_are_in_a_checkpoint(
    tmp_path: Path, writes: Callable[[int | None], list[str]]
) -> None:
    """Both moments and the number of updates of every weight: what AdamW's next update is of."""
    from safetensors.torch import load

    writes(8)  # in the fourth step: the checkpoint is of two
    with pytest.raises(Stop):
        trained(tmp_path / "run", tmp_path / "sounds", 1)
    (file,) = (tmp_path / "run").rglob("optimizer.safetensors")
    state = load(file.read_bytes())
    kinds = {name.split(":", 1)[0] for name in state}
    assert kinds == {"exp_avg", "exp_avg_sq", "step"}
    assert {float(t) for name, t in state.items() if name.startswith("step:")} == {2.0}
