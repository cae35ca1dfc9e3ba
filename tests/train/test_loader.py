"""Work prepared ahead: the same work, in order, errors in the step that would use it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch

from harken.errors import DataError
from harken.runs import Run
from harken.train import train_loop as loop_module
from harken.train.loader import Loader
from harken.train.objective import Objective, Prepared
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named


def objective(ahead: bool = True, pause: float = 0.0, bad: int = -1) -> tuple[Objective, list[str]]:
    """What is prepared is its step; the list has the steps in order, with the thread's name."""
    asked: list[str] = []

    def prepare(step: int) -> Prepared:
        asked.append(f"{step} {threading.current_thread().name.split('_')[0]}")
        time.sleep(pause)
        if step == bad:
            raise DataError(f"step {step}")
        return Prepared([], {"step": step})

    return Objective(prepare=prepare, loss=lambda micro: (torch.zeros(()), {}), ahead=ahead), asked


@pytest.mark.parametrize(("first", "steps"), [(0, 4), (2, 5), (3, 4)])
def test_each_step_is_prepared_once_in_order(first: int, steps: int) -> None:
    own, asked = objective()
    with Loader(own, steps) as loader:
        found = [loader.get(step).counts["step"] for step in range(first, steps)]
    assert found == list(range(first, steps))
    assert asked == [f"{step} loader" for step in range(first, steps)]


@pytest.mark.parametrize("ahead", [(False, True), (True, False)])
def test_what_depends_on_the_weights_is_prepared_when_it_is_asked_for(
    ahead: tuple[bool, bool],
) -> None:
    own, asked = objective(ahead[0])
    with Loader(own, 3, ahead=ahead[1]) as loader:
        for step in range(3):
            loader.get(step)
            assert asked == [f"{n} MainThread" for n in range(step + 1)]


def test_a_fault_is_told_in_the_step_that_would_use_it() -> None:
    own, asked = objective(bad=2)
    with Loader(own, 5) as loader:
        for step in range(2):
            loader.get(step)
        loader.rest()
        assert asked[-1] == "2 loader"
        with pytest.raises(DataError, match="step 2"):
            loader.get(2)


def test_preparing_is_hidden_behind_the_step() -> None:
    """Ten steps of 30 ms with 20 ms of preparing each take the time of the steps."""
    own, _ = objective(pause=0.02)
    with Loader(own, 10) as loader:
        loader.get(0)
        waited = 0.0
        for step in range(1, 10):
            time.sleep(0.06)
            loader.get(step)
            waited += loader.waited_s
    assert waited < 0.5 * 9 * 0.02


def test_an_evaluation_has_the_model_to_itself() -> None:
    own, asked = objective(pause=0.05)
    with Loader(own, 3) as loader:
        loader.get(0)
        loader.rest()
        assert [line.split()[0] for line in asked] == ["0", "1"]
        loader.get(1)
        loader.rest()
    assert len(asked) == 3


@pytest.mark.parametrize("changes", [{"augment": True, "modality_dropout": 0.3}, {"accumulate": 2}])
def test_the_thread_changes_no_weight(
    changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]

    def identity(folder: str) -> str:
        learner = mini(1)
        settings = SftSettings(**{"steps": 6, "batch": 3, "lr": 1e-3, "threads": 1, **changes})  # type: ignore[arg-type]
        with Run.open(tmp_path / folder, {}) as run:
            sft(learner, items, settings, run)
        return learner.identity()

    threaded = identity("a")
    monkeypatch.setattr(loop_module, "Loader", lambda own, steps: Loader(own, steps, ahead=False))
    assert identity("b") == threaded
