"""`harken synth --help` names every family, and what is made unasked is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner

from harken.audio.clip import Clip
from harken.cli.main import app
from harken.cli.synth import LONG, MUSIC, NO_TEST, RECORDINGS, SCENES
from harken.engines.run import read_failures
from harken.errors import AudioError, ConfigError, TooManyFailures
from harken.shards import embed
from harken.shards.read import read_items
from harken.synth.make import FAMILIES, families_of
from made_items import contents

run = CliRunner()


def test_the_help_lists_the_families() -> None:
    made = (*RECORDINGS, *SCENES, *LONG, *MUSIC)
    assert tuple(name for name in FAMILIES if FAMILIES.is_built_in(name)) == made
    assert families_of(["recordings"])[: len(RECORDINGS)] == RECORDINGS
    assert families_of(["scenes", "when"]) == SCENES
    assert families_of(["music"]) == MUSIC and families_of(["long"]) == LONG
    assert families_of(["when", "identify", "when"]) == ("when", "identify")
    assert set(NO_TEST) <= set(made)
    text = re.sub(r"[\s│]+", " ", run.invoke(app, ["synth", "--help"]).output)
    for name in (*made, "a control", "practice for training"):
        assert name in text, name


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for k, label in enumerate(("dog", "cat", "rain", "bell", "frog")):
        for i in range(6):
            path = tmp_path / "corpus" / label / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            t = np.arange(4000) / 16_000
            sf.write(path, 0.3 * np.sin(2 * np.pi * (300 + 400 * k + 9 * i) * t), 16_000)
    return tmp_path / "corpus"


def test_what_is_made_unasked_is_said(corpus: Path) -> None:
    out = run.invoke(
        app, ["synth", str(corpus), "-o", str(corpus.parent / "a"), "--per-family", "3"]
    )
    assert out.exit_code == 0
    assert "are leaky: a control" in out.output
    assert "are talk: practice" in out.output
    words = ["synth", str(corpus), "-o", str(corpus.parent / "b"), "--family", "leaky"]
    assert "are leaky" not in run.invoke(app, words).output  # it was asked for


@pytest.mark.parametrize("number", ["0", "-3"])
def test_no_questions_are_a_usage_error(corpus: Path, number: str) -> None:
    words = ["synth", str(corpus), "-o", str(corpus.parent / "a"), "--per-family", number]
    assert run.invoke(app, words).exit_code == 2


def test_the_notes_of_the_corpus_are_shown(corpus: Path) -> None:
    for i in range(2):
        folder = corpus / "test" / "dog"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"c{i}.wav").write_bytes((corpus / "dog" / f"{i}.wav").read_bytes())
    out = run.invoke(
        app, ["synth", str(corpus), "-o", str(corpus.parent / "a"), "--per-family", "3"]
    )
    assert "note: 2 files are byte-identical copies" in out.output


def test_a_plan_is_told_and_nothing_written(corpus: Path) -> None:
    words = ["synth", str(corpus), "-o", str(corpus.parent / "p"), "--family", "leaky", "--plan"]
    done = run.invoke(app, [*words, "--per-family", "3", "--embed", "--json"])
    told = json.loads(done.stdout)
    assert told["items"] == sum(told["counts"].values()) > 0 and told["units"] == len(
        told["counts"]
    )
    assert told["bytes"] > 0 and not (corpus.parent / "p").exists()


def test_items_that_fail_end_it_with_7_and_are_made_when_it_is_run_again(corpus: Path) -> None:
    words = ["synth", str(corpus), "--family", "identify", "--per-family", "6", "--embed", "-o"]
    assert run.invoke(app, [*words, str(corpus.parent / "calm")]).exit_code == 0

    out = corpus.parent / "failed"
    real = embed.load

    def broken(clip: Clip, *, rate_hz: int, mono: bool) -> object:
        raise AudioError("broken", "it cannot be decoded", where=clip.path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed, "load", broken)
        done = run.invoke(app, [*words, str(out)])
    assert embed.load is real
    assert isinstance(done.exception, TooManyFailures) or done.exit_code == 7
    records = read_failures(out)
    assert records and "cannot be decoded" in records[0]["items"][0]["reason"]
    assert run.invoke(app, [*words, str(out)]).exit_code == 0
    assert contents(out) == contents(corpus.parent / "calm")


def test_lengths_of_long_scenes_are_minutes(corpus: Path) -> None:
    words = ["synth", str(corpus), "-o", str(corpus.parent / "l"), "--family", "sub-scene"]
    words += ["--per-family", "2", "--json", "--long-minutes"]
    told = json.loads(run.invoke(app, [*words, "1,2"]).stdout)
    assert told["needs"]["sub-scene"]["share"] < 0.1
    assert run.invoke(app, [*words, "long"]).exit_code == 2
    assert isinstance(run.invoke(app, [*words, "0.5"]).exception, ConfigError)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--long-minutes", "2"], "--long-minutes is for families of long"),
        (["--family", "identify", "--long-minutes", "2"], "none among identify"),
        (
            ["--family", "identify", "--around", "x.yaml"],
            "is for families of long, scenes",
        ),
        (["--around", "x.yaml"], "none among recordings"),
    ],
)
def test_settings_of_scenes_that_no_family_has_are_refused(
    corpus: Path, more: list[str], found: str
) -> None:
    """They were accepted and ignored."""
    done = run.invoke(app, ["synth", str(corpus), "-o", str(corpus.parent / "x"), *more])
    assert isinstance(done.exception, ConfigError) and found in str(done.exception)


def test_what_is_around_scenes_is_read_from_a_file(corpus: Path) -> None:
    path = corpus.parent / "around.yaml"
    path.write_text("background: {level: -45}\n")
    words = ["synth", str(corpus), "--family", "count-events", "--per-family", "2", "-o"]
    done = run.invoke(app, [*words, str(corpus.parent / "n"), "--around", str(path)])
    assert done.exit_code == 0, done.output
    for item in read_items(corpus.parent / "n"):
        assert item.facts[0].sources[0].kind == "background"
    path.write_text("rooms: {}\n")
    refused = run.invoke(app, [*words, str(corpus.parent / "m"), "--around", str(path)])
    assert isinstance(refused.exception, ConfigError) and "rooms" in str(refused.exception)
