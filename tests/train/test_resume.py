"""Training stopped anywhere and called again: the same weights and metrics to the last byte."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed_training import STEPS, killed_training
from short_training import fresh, open_run, stages

from harken.models.composed.model import ComposedModel
from harken.runs import Run, read_run
from harken.train import train_loop as loop_module
from harken.train.checkpoint import open_stage
from harken.train.sft import SftSettings, sft
from made_items import contents
from paths import REPO
from tiny_audio import NAMES, named


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


@pytest.mark.slow
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
    # Sizes of the items of each stage are written twice; rollouts are of three turns.
    assert tried == (1 + 2 * 4) + 2 * 4 + 2 * 6 + (2 * 6 + 3) + 2 * 4
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


@pytest.mark.slow
def test_killed_at_ten_moments_of_an_epoch_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    """A process of its own each time, killed within a step, then resumed."""
    identity = killed_training(tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    paths = [str(REPO / "src"), str(REPO / "tests")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    program = str(REPO / "tests" / "train" / "killed_training.py")
    rng = np.random.default_rng(0)
    unfinished = 0
    for moment in range(10):
        folder = tmp_path / str(moment)
        with subprocess.Popen(
            [sys.executable, program, str(folder)], env=environ, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            for _ in range(1 + moment):
                process.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.1)))
            process.send_signal(signal.SIGKILL)
        unfinished += len(read_run(folder).records("metrics")) < STEPS
        assert killed_training(folder) == identity, moment
        assert contents(folder) == expected, moment
    assert unfinished >= 9


@pytest.mark.slow
def test_a_kill_before_the_first_checkpoint_by_steps_loses_a_minute_at_most(
    tmp_path: Path, writes: Callable[[int | None], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint by time changes no byte of the result; each look at the clock is 25 s later."""
    ticks = itertools.count()
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: 25.0 * next(ticks))

    def train(folder: Path, checkpoint_s: float) -> str:
        learner = fresh()
        items = [named(tmp_path / "sounds", name, 0, 0.3) for name in NAMES]
        settings = SftSettings(
            steps=40, batch=1, lr=1e-3, threads=1, checkpoint_every=1000, checkpoint_s=checkpoint_s
        )
        with open_run(folder) as run:
            sft(learner, items, settings, run)
        return learner.identity()

    whole = train(tmp_path / "whole", 0.0)
    for seconds, kept in ((60.0, True), (0.0, False)):
        cut = tmp_path / f"cut {seconds}"
        writes(2 * 35)
        with pytest.raises(Stop):
            train(cut, seconds)
        writes(None)
        found = open_stage(read_run(cut), "sft")
        assert (found.step > 0) is kept and found.step < 35
        assert train(cut, seconds) == whole
        assert read_run(cut).count("metrics") == 40
        assert contents(cut) == contents(tmp_path / "whole")
