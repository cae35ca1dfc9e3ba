"""`harken write` from the command line: the plan, a run, the counts, and a second run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled_sounds import write_world
from typer.testing import CliRunner

from harken.cli.main import app
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from harken.synth.make import draw
from tones import tones

run = CliRunner()


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("write")
    recordings = write_world(folder / "audio")
    drawn = [i for f in ("identify", "first", "leaky") for i in draw(recordings, "train", f, 6, 0)]
    write_jsonl(drawn, folder / "items.jsonl")
    return folder / "items.jsonl"


def test_the_plan_is_told_and_nothing_is_written(items: Path) -> None:
    words = ["write", str(items), "--plan", "--writer", "openai:m@http://127.0.0.1:9/v1"]
    told = run.invoke(app, words).output
    assert "reword by openai:m@http://127.0.0.1:9/v1: 12 items" in told
    assert "left out, 6: its wording gives the answer away on purpose" in told
    assert "requests: 12, up to 36" in told
    assert run.invoke(app, ["write", str(items)]).exit_code != 0  # no folder


def test_a_dataset_is_written_once(items: Path, tmp_path: Path) -> None:
    words = ["write", str(items), "-o", str(tmp_path / "out"), "--task", "caption-short", "--json"]
    done = run.invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["kept"] == told["written"]["round 1"] == told["drafts"] and not told["rejected"]
    written = list(read_items(tmp_path / "out"))
    assert len(written) == told["kept"] and {i.task for i in written} == {"caption-short"}
    assert all(clip.path or clip.plan for item in written for clip in item.clips)
    assert json.loads(run.invoke(app, words).stdout)["kept"] == told["kept"]
    other = run.invoke(app, [*words[:-1], "--seed", "1"])
    assert other.exit_code != 0  # another job does not overwrite it


def test_recordings_of_a_corpus_are_written_about(tmp_path: Path) -> None:
    tones(tmp_path / "recordings")
    words = ["write", str(tmp_path / "recordings"), "-o", str(tmp_path / "told"), "--recordings",
             "--task", "caption-tags", "--limit", "10", "--json"]  # fmt: skip
    done = run.invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["kept"] == 10 and not told["rejected"]
    for item in read_items(tmp_path / "told"):
        assert item.task == "caption-tags" and item.facts and len(item.answer.split()) >= 3
    missing = run.invoke(app, [*words[:-1], "--split", "evening"])
    assert "no recording is in split 'evening'" in str(missing.exception)
