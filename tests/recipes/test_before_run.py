"""`harken train --preview` and `--plan`: what they print, and that nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import ConfigError
from harken.models.engine import feature_store
from harken.recipes import run as recipe_run
from harken.recipes.before_run import planned
from harken.recipes.steps import run_stage
from harken.train.hearing_gap import HearingSettings
from harken.train.hearing_items import HeldOut
from harken.train.sft import SftSettings
from tiny_audio import NAMES, mini, named


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    items = [named(tmp_path, name, n) for name in NAMES for n in range(2)]
    lines = [json.dumps(item.to_dict()) for item in items]
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    mini().save(tmp_path / "mini")
    few = ["--set", "sft.batch=4", "--set", "sft.steps=10"]
    return ["train", "sft", str(tmp_path / "items.jsonl"), "--model", str(tmp_path / "mini"), *few]


def test_examples_are_printed_and_nothing_is_written(asked: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(app, [*asked, "--preview", "-n", "2"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("<audio: ") == 3 and done.stdout.count("[[") == 3  # the legend too
    assert sorted(tmp_path.rglob("*")) == before
    done = CliRunner().invoke(app, [*asked, "--preview", "--json"])
    examples = json.loads(done.stdout)["examples"]
    assert len(examples) == 3 and {piece["kind"] for piece in examples[0]["pieces"]} == {
        "audio",
        "special",
        "text",
    }


def test_a_plan_has_sizes_memory_and_time(asked: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(app, [*asked, "--plan", "--json"])
    found = json.loads(done.stdout)
    assert found["steps"] == 10 and found["epochs"] == 5.0 and found["measured"]["examples"] == 8
    assert found["step_s"] > 0 and found["memory_bytes"]["lm"] > 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_stage_of_few_steps_has_a_plan(asked: list[str], steps: int) -> None:
    done = CliRunner().invoke(app, [*asked, "--set", f"sft.steps={steps}", "--plan", "--json"])
    found = json.loads(done.stdout)
    assert found["steps"] == steps and found["stage"] == "sft" and found["step_s"] > 0


@pytest.mark.parametrize("steps", [1, 2])
def test_a_plan_never_sees_a_second_stage(tmp_path: Path, steps: int) -> None:
    """The first stage is shorter than what is timed: the second one's steps are not added."""
    learner = mini()
    items = [named(tmp_path, name, 0) for name in NAMES]
    begun: list[str] = []

    def two_stages(folder: Path) -> None:
        for name in ("first", "second"):
            begun.append(name)
            settings = SftSettings(name=name, steps=steps, batch=2, threads=1)
            run_stage("sft", learner, items, settings, folder)

    plan = planned(two_stages)
    assert begun == ["first"] and plan["stage"] == "first" and plan["steps"] == steps


@pytest.mark.parametrize("how", ["--plan", "--preview"])
def test_frames_are_kept_nowhere(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setattr(feature_store, "_current", None)
    monkeypatch.setenv("HARKEN_FEATURES", str(kept))
    frozen = ["--set", "sft.groups=[projector,lm]"]
    done = CliRunner().invoke(app, [*asked, *frozen, how, "--json"])
    assert done.exit_code == 0, done.output
    assert not kept.exists()
    done = CliRunner().invoke(app, [*asked, *frozen, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0 and kept.exists()  # a training keeps them


@pytest.mark.parametrize("how", ["--plan", "--preview"])
@pytest.mark.parametrize(
    "option",
    [["--out", "x"], ["--tracker", "tensorboard"], ["--parallel", "ddp"], ["--features", "kept"]],
)
def test_what_a_dry_run_would_ignore_is_refused(
    asked: list[str], how: str, option: list[str]
) -> None:
    error = CliRunner().invoke(app, [*asked, how, *option]).exception
    assert isinstance(error, ConfigError) and error.exit_code == 2
    assert option[0] in error.found and how in error.found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-n", "2", "--plan"], "-n is given without --preview"),
        (["-n", "2", "-o", "x"], "-n is given without --preview"),
        (["--size", "smoke", "-o", "x"], "--size and the stage sft are given"),
        (["--from", "align", "-o", "x"], "--from and the stage sft are given"),
        (["--size", "full", "--plan"], "--size and the stage sft are given"),
        (["--parallel", "fsdp", "-o", "x"], "--parallel is fsdp, and there is one process"),
    ],
)
def test_options_without_an_effect_are_refused(
    asked: list[str], options: list[str], told: str
) -> None:
    error = CliRunner().invoke(app, [*asked, *options]).exception
    assert isinstance(error, ConfigError) and error.exit_code == 2 and told in error.found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"min_gap": 0.5, "patience": 2}),
        (["--min-gap", "0"], {"min_gap": 0.0, "patience": 2}),
        (["--min-gap", "0.25", "--patience", "1"], {"min_gap": 0.25, "patience": 1}),
    ],
)
def test_options_win_over_settings_also_with_0(
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    expected: dict[str, float],
) -> None:
    seen: list[HearingSettings] = []

    def noted(dataset: Path, how: HearingSettings, *more: object) -> HeldOut:
        seen.append(how)
        return HeldOut()

    monkeypatch.setattr(recipe_run, "held_out_items", noted)
    (tmp_path / "own.yaml").write_text("hearing: {min_gap: 0.5, patience: 2}")
    given = ["--config", str(tmp_path / "own.yaml"), "--plan", *options]
    done = CliRunner().invoke(app, [*asked, *given])
    assert done.exit_code == 0, done.output
    assert {name: getattr(seen[0], name) for name in expected} == expected


def test_without_a_folder_nothing_is_trained(asked: list[str]) -> None:
    assert "there is no folder" in str(CliRunner().invoke(app, asked).exception)
    both = CliRunner().invoke(app, [*asked, "--preview", "--plan"])
    assert "both --preview and --plan" in str(both.exception)
