"""Trackers by name: what they get, where, and what is said of a missing package."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harken.errors import ConfigError
from harken.runs import Run
from harken.train import trackers as module
from harken.train.evaluation import Evaluation, evaluating
from harken.train.sft import SftSettings, sft
from harken.train.trackers import TRACKERS, StageTrackers, tracked
from tiny_audio import NAMES, mini, named


class Kept:
    """What a tracker of accelerate was told."""

    made: list[Kept]

    def __init__(self, *names: str, **more: Any) -> None:
        self.names, self.more, self.logged = (*names, *more.values()), more, []
        self.held: Mapping[str, Any] = {}
        self.done = False
        Kept.made.append(self)

    requires_logging_directory = True

    def start(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        self.held = values

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.done = True


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = pytest.importorskip("accelerate.tracking")
    Kept.made = []
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    for name in TRACKERS.values():
        monkeypatch.setattr(tracking, name, Kept)


def train(folder: Path, names: Sequence[str]) -> str:
    items = [named(folder, name, 0, 0.3) for name in NAMES]
    learner = mini(1)
    settings = SftSettings(steps=3, batch=2, lr=1e-3, threads=1, evaluate_every=2)
    watch = evaluating(lambda step, earlier: Evaluation({"gap": {"silence": 0.5}, "note": "x"}))
    with Run.open(folder / f"run {len(names)}", {}) as run, tracked(names), watch:
        sft(learner, items, settings, run)
    return learner.identity()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("names", [["tensorboard"], ["wandb", "trackio"]])
def test_numbers_go_to_the_trackers_and_change_no_weight(names: list[str], tmp_path: Path) -> None:
    plain = train(tmp_path, [])
    assert not Kept.made
    assert train(tmp_path, names) == plain
    assert len(Kept.made) == len(names)
    for kept in Kept.made:
        assert kept.done and kept.held["steps"] == 3 and "lm" in str(kept.held["groups"])
        assert {type(value) for value in kept.held.values()} <= {bool, int, float, str}
        steps = [(step, "loss" in values) for step, values in kept.logged]
        assert steps == [(0, False), (0, True), (1, True), (2, False), (2, True), (3, False)]
        first = kept.logged[1][1]
        assert first["grad_norm_lm"] > 0 and first["audio_grad_norm"] > 0
        assert "stage" not in first and "step" not in first
        assert kept.logged[0][1] == {"evaluation/gap/silence": 0.5}


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_an_error_that_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda asked: None if asked == name else object())
    with pytest.raises(ConfigError, match=f"pip install {name}"), tracked([name]):
        pass
    monkeypatch.setattr(module, "find_spec", lambda asked: None)
    with pytest.raises(ConfigError, match=r"harken\[train\]"), tracked([name]):
        pass
    with pytest.raises(ConfigError, match="Known: tensorboard"), tracked([name + "s"]):
        pass


def test_trackio_gets_what_accelerate_hands_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real class of accelerate, with a stand-in for the package."""
    pytest.importorskip("accelerate.tracking")
    package: Any = types.ModuleType("trackio")
    logged: list[Any] = []

    class Started:
        def log(self, values: Any, step: int) -> None:
            logged.append((step, values))

        def finish(self) -> None:
            logged.append("finished")

    package.init = lambda **names: logged.append(names) or Started()
    package.config = types.SimpleNamespace(update=lambda values, **more: logged.append(values))
    monkeypatch.setitem(sys.modules, "trackio", package)
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    train(tmp_path, ["trackio"])
    assert logged[0]["project"] == "harken" and logged[0]["name"].endswith("-sft")
    assert logged[1]["batch"] == 2 and logged[-1] == "finished"
    assert [step for step, _ in logged[2:-1]] == [0, 0, 1, 2, 2, 3]


def test_without_trackers_nothing_is_done() -> None:
    StageTrackers(()).log({"loss": 1.0})
