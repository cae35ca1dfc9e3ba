"""Studies from end to end in smoke size: what is shared, what is resumed, what is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("espeakng_loader", reason="the starter corpus speaks with espeak-ng")

from harken.errors import ConfigError, RunError
from harken.recipes.effects import run as effects
from harken.recipes.effects.ground import PAIRS, SINGLE, prepare
from harken.recipes.effects.registry import EFFECTS, STUDIES
from harken.recipes.effects.run import results_of, run_effect
from smoke_starter import smoke_starter

MODEL = "harken-mini"


class Stopped(Exception):
    """A kill."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("effects")
    smoke_starter(folder / "ground" / "corpus")
    prepare(folder, size="smoke", model=MODEL)
    return folder


@pytest.fixture
def out(ground: Path, tmp_path: Path) -> Path:
    """A folder of studies of its own, on the ground that all tests share."""
    shutil.copytree(ground / "ground", tmp_path / "ground")
    return tmp_path


def study(out: Path, name: str, seeds: int = 1) -> dict[str, Any]:
    return run_effect(name, out, seeds=seeds, size="smoke", model=MODEL)


def files(folder: Path) -> dict[str, bytes]:
    """All that is the same in two equal runs: not the times in logs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".json", ".jsonl") and path.name != "log.jsonl"
    }


@pytest.mark.slow
def test_exams_and_training_share_no_recording(ground: Path) -> None:
    made = prepare(ground, size="smoke", model=MODEL)
    for own in (SINGLE, PAIRS, ("leaky",)):
        train = {name for item in made.train(*own) for name in item.recordings}
        test = {name for item in made.test(*own) for name in item.recordings}
        assert train and test
        assert train.isdisjoint(test)
    assert all(len(item.clips) == 2 for item in made.train(*PAIRS))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STUDIES if name != "compa"])  # test_compa.py
def test_a_study_runs_and_tells_every_arm(name: str, out: Path) -> None:
    found = study(out, name, seeds=2)
    own = EFFECTS.get(name)
    assert len(found["claims"]) == len(own.claims)
    assert all(claim["seeds"] == [0, 1] for claim in found["claims"])
    assert all(len(claim["by_seed"]) == 2 for claim in found["claims"])
    for arm in found["arms"]:
        assert found["seeds"][arm["name"]] == [0, 1]
    for cell in found["cells"]:
        assert cell["n"] > 0 or name == "time"  # a model that says nothing still has gold events
        assert cell["right"] <= cell["n"] or cell["exam"] == "nats"
    assert json.loads((out / name / "results.json").read_text()) == found


@pytest.mark.slow
def test_a_killed_study_ends_as_one_that_was_not(
    ground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after a stage, in an exam and between arms: the same files in the end."""
    for name in ("whole", "killed"):
        shutil.copytree(ground / "ground", tmp_path / name / "ground")
    study(tmp_path / "whole", "deafness")
    calls = {"n": 0}
    real = effects.run_stage

    def stage(*given: Any) -> None:
        real(*given)
        calls["n"] += 1
        if calls["n"] == 1:
            raise Stopped

    monkeypatch.setattr(effects, "run_stage", stage)
    with pytest.raises(Stopped):
        study(tmp_path / "killed", "deafness")
    append = effects.Run.append

    def broken(self: Any, name: str, *given: Any, **more: Any) -> None:
        append(self, name, *given, **more)
        if name == "lines":
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(effects.Run, "append", broken)
        with pytest.raises(Stopped):
            study(tmp_path / "killed", "deafness")
    study(tmp_path / "killed", "deafness")
    assert files(tmp_path / "killed" / "deafness") == files(tmp_path / "whole" / "deafness")


@pytest.mark.slow
def test_arms_that_begin_alike_share_their_first_stage(out: Path) -> None:
    study(out, "audiomcq")
    stages = out / "audiomcq" / "seed-0" / "stages"
    kinds = [path.name for path in stages.glob("*/*")]
    # sft-all, half (shared by two arms), weak; grpo-all and one for each of three arms
    assert kinds.count("sft") == 3
    assert kinds.count("grpo") == 4


def test_a_study_that_was_not_begun_and_seeds_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no plan of the study mallm"):
        results_of("mallm", tmp_path)
    with pytest.raises(ConfigError, match="seeds is 0"):
        run_effect("mallm", tmp_path, seeds=0)
    with pytest.raises(ConfigError, match="mallmm"):
        run_effect("mallmm", tmp_path)


@pytest.mark.slow
def test_another_size_does_not_go_on_in_the_same_folder(ground: Path) -> None:
    with pytest.raises(RunError, match="size"):
        prepare(ground, size="full", model=MODEL)
    with pytest.raises(ConfigError, match="the size is 'huge'"):
        prepare(ground, size="huge")
