"""`harken scene`: what it says, and how it ends where a declaration does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from tones import tones


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tones(tmp_path / "recordings")
    (tmp_path / "scene.yaml").write_text("duration: 2\nevents: [{labels: [hum, whistle]}]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_scenes_are_made_and_told(here: Path) -> None:
    words = ["scene", "scene.yaml", "recordings", "-o", "out", "--count", "3", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["count"], told["seconds"], told["split"]) == (3, 6.0, "train")
    assert len(list((here / "out" / "clips").iterdir())) == 3
    rows = [json.loads(line) for line in (here / "out" / "truth.jsonl").read_text().splitlines()]
    assert {row["facts"]["sources"][0]["label"] for row in rows} <= {"hum", "whistle"}
    before = (here / "out" / "scenes.json").read_bytes()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert (here / "out" / "scenes.json").read_bytes() == before


def test_plans_are_drawn_told_and_made_into_scenes(here: Path) -> None:
    words = ["scene", "scene.yaml", "recordings", "-o", "plans", "--count", "2", "--plan"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "2 scenes, 0.00 hours" in told.stdout and "begins (s)" in told.stdout
    assert not (here / "plans" / "clips").exists()
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found["cost"]["seconds"] == 4.0 and found["cost"]["bytes"] > 1000
    done = CliRunner().invoke(app, ["scene", "plans", "-o", "out", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["seconds"] == 4.0
    assert len(list((here / "out" / "clips").iterdir())) == 2
    for more in (["recordings"], ["--seed", "1"], ["--plan"]):
        wrong = CliRunner().invoke(app, ["scene", "plans", *more, "-o", "new"])
        assert "the plans in the folder say" in str(wrong.exception)
    alone = CliRunner().invoke(app, ["scene", "scene.yaml", "-o", "new"])
    assert "no recordings to make scenes of" in str(alone.exception)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--set", "evnts=[]"], "unknown key 'evnts'"),
        (["--set", "layout=quad"], "unknown layout 'quad'"),
        (["--split", "evening"], "no recording is in split 'evening'"),
        (["--set", "events=[{labels: [cow]}]"], "no recording of 'cow' alone"),
        (["--set", "talk=[{voices: [Zed]}]"], "no recording has the speaker 'zed'"),
    ],
)
def test_faults_are_named(here: Path, more: list[str], found: str) -> None:
    done = CliRunner().invoke(app, ["scene", "scene.yaml", "recordings", "-o", "out", *more])
    assert done.exception is not None and found in str(done.exception)
    assert not (here / "out" / "scenes.json").exists()
