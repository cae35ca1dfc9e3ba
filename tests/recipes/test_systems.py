"""Presets and drawings from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from systems_table import documented
from typer.testing import CliRunner, Result

from harken.cli.main import app
from harken.errors import ConfigError, ModelError
from harken.models.codec_lm.presets import CODEC_LMS
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.contrastive.presets import CONTRASTIVE
from harken.recipes.system_rows import listed_systems
from harken.report.systems import systems_markdown
from paths import REPO


def harken(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_the_list_has_every_preset() -> None:
    rows = json.loads(harken("compose", "--list", "--json").stdout)["presets"]
    names = [*SYSTEMS, *CODEC_LMS, *CONTRASTIVE]
    assert [row["name"] for row in rows] == names and len({*names}) == len(names)
    assert all(row.keys() == rows[0].keys() for row in rows)
    assert all(row["licence"] and row["paper"] and row["trains"] for row in rows)
    text = harken("compose", "--list").stdout
    assert all(name in text for name in names) and "pickle" in text
    assert all(row["trains"] in text for row in rows if row["kind"] != "composed")


def test_the_table_of_the_docs_is_the_one_that_is_generated() -> None:
    page = (REPO / "docs" / "systems.md").read_text("utf-8")
    assert documented(page) == systems_markdown(listed_systems())


@pytest.mark.parametrize("name", [*CODEC_LMS, *CONTRASTIVE])
def test_of_what_is_not_composed_parts_and_command_are_told(name: str) -> None:
    done = harken("compose", "--preset", name, "--dry-run")
    assert done.exit_code == 0, done.output
    (row,) = [one for one in listed_systems() if one["name"] == name]
    assert row["trains"] in done.stdout
    said = f"all: {row['built']:,}" if row["built"] else "decoder is not public"
    assert said in done.stdout
    for words in (("compose", "--preset", name), ("show-model", name)):
        refused = harken(*words).exception
        assert isinstance(refused, ConfigError) and "not composed" in str(refused)


def test_a_tiny_preset_is_built_and_drawn(tmp_path: Path) -> None:
    model, picture = tmp_path / "model", tmp_path / "model.svg"
    done = harken("compose", "--preset", "audio-flamingo-2", "-o", str(model), "--json")
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)["parameters"]
    shown = harken("show-model", str(model), "--groups", "projector", "-o", str(picture), "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["trained"] == counts["projector"] and found["total"] == sum(counts.values())
    assert found["layers"] == [0, 1, 2, 3] and found["frozen"] == ["audio_encoder", "lm"]
    assert picture.read_text().startswith("<svg")
    again = harken("compose", "--preset", "audio-flamingo-2", "-o", str(model))
    assert "has a model already" in str(again.exception)


def test_a_published_preset_is_drawn_and_told_without_weights() -> None:
    shown = json.loads(harken("show-model", "mellow", "--json").stdout)
    assert shown["tokens_s"] == pytest.approx(SYSTEMS.get("mellow").tokens_s)
    assert shown["frozen"] == ["audio_encoder"]
    done = harken("compose", "--preset", "mellow", "--size", "published", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "HuggingFaceTB/SmolLM2-135M" in done.stdout and "167 M" in done.stdout


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ("--preset nothing -o out", ConfigError, "no system is called 'nothing'"),
        ("--preset ltu --size huge -o out", ConfigError, "tiny, published"),
        ("--preset ltu --projector mlp -o out", ConfigError, "its own projector"),
        ("--preset ltu --lm some -o out", ConfigError, "random parts"),
        ("--preset qwen-audio --size published -o out", ModelError, "running code"),
        ("--preset ltu", ConfigError, "no folder"),
        ("--dry-run", ConfigError, "for presets"),
        ("-o out", ConfigError, "an encoder and a language model are needed"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: str, error: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARKEN_WEIGHTS", raising=False)
    done = harken("compose", *words.split())
    assert isinstance(done.exception, error) and said in str(done.exception)
