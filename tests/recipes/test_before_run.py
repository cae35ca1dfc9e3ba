"""`harken train --preview` and `--plan`: what they print, and that nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
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


def test_without_a_folder_nothing_is_trained(asked: list[str]) -> None:
    assert "there is no folder" in str(CliRunner().invoke(app, asked).exception)
    both = CliRunner().invoke(app, [*asked, "--preview", "--plan"])
    assert "both --preview and --plan" in str(both.exception)
