"""`harken models`: what there is by name, and what it lacks here; every command takes the names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from release_folder import released, shelf
from typer.testing import CliRunner, Result

from harken.cli.main import app
from harken.models.pretrained import WEIGHTS
from harken.models.released import MODELS_FOLDER
from tiny_audio import named

pytest.importorskip("peft")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    released(root, shelf(root / "weights"), "mine")
    lines = []
    for place, split in enumerate(["train", "train", "test", "test"]):
        item = named(root, ["noise", "high tone"][place % 2])
        (clip,) = item.clips
        row = {"question": item.question, "answer": item.answer, "audio": str(clip.path)}
        lines.append({**row, "choices": list(item.choices), "split": split, "task": "name"})
        lines[-1]["question"] += "?" * place
    (root / "items.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return root


@pytest.fixture(autouse=True)
def named_folders(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_FOLDER, str(world / "releases"))
    monkeypatch.setenv(WEIGHTS, str(world / "weights"))
    monkeypatch.chdir(tmp_path)


def harken(*words: str) -> Result:
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def test_the_list_has_what_is_here_and_what_is_not(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {one["name"]: one for one in json.loads(harken("models", "--json").stdout)["models"]}
    assert {*found} >= {"harken-small", "harken-tiny-trained", "mine"}
    assert found["mine"]["licence"] == "apache-2.0" and found["mine"]["parts"]
    shown = harken("models", "mine").stdout
    assert "apache-2.0" in shown and "LoRA of rank 2" in shown and "MISSING" not in shown
    monkeypatch.setenv(WEIGHTS, str(world))
    assert harken("models", "mine").stdout.count("MISSING here") == 2
    assert "not in this installation" in harken("models").stdout or found["harken-small"]["folder"]


def test_plugins_lists_them_too() -> None:
    found = json.loads(harken("plugins", "released", "--json").stdout)["plugins"]["released"]
    assert "harken-small" in [one["name"] for one in found["members"]]


def test_every_command_takes_the_name(world: Path, tmp_path: Path) -> None:
    """The name alone, where a model is named: evaluation, voting, training, merging, export."""
    items = str(world / "items.jsonl")
    done = harken("eval", "mine", items, "-o", "run", "--condition", "audio", "--json")
    assert json.loads(done.stdout)["model"] == "mine"
    small = ["--set", "sft.steps=1", "--set", "sft.batch=2", "--json"]
    done = harken("train", "sft", items, "-o", "out", "--model", "mine", *small)
    assert json.loads(done.stdout)["defaults"] == "neutral"
    harken("eval", "out/model", items, "-o", "after", "--condition", "audio")
    harken("curate", items, "-o", "curated", "--voter", "mine", "--voter", "longest")
    harken("features", "mine", items, "--features", str(tmp_path / "kept"))
    merged = json.loads(harken("merge", "mine", "-o", "merged", "--json").stdout)
    assert merged["dtype"] == "float32"
    harken("export", "mine", "-o", "plain")
    assert (tmp_path / "plain" / "joined.py").is_file()
    harken("check", str(world / "releases"))


@pytest.mark.parametrize("name", ["mine", "mine?dtype=float32"])
def test_serve_offers_it_under_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(
        "harken.serve.start.serve_model", lambda model, *_, **__: given.append(model)
    )
    harken("serve", name)
    assert [one.name for one in given] == ["mine"]
