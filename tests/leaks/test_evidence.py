"""A pass needs evidence: what could not be heard, or is not there, is no proof of absence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from harken.audio.load import write_wav
from harken.cli.main import app

RATE = 16_000


def wav(path: Path, seed: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).standard_normal(RATE) * np.hanning(RATE)
    write_wav(path, (0.2 * noise).astype(np.float32), RATE)
    return str(path)


def rows(folder: Path, side: str, count: int, fault: str = "", faulty: int = 0) -> Path:
    """A manifest of `count` items with clips, the first `faulty` of which cannot be heard."""
    found: list[dict[str, Any]] = []
    for n in range(count):
        path = folder / side / f"{n}.wav"
        if n >= faulty:
            wav(path, n + (1000 if side == "train" else 0))
        elif fault == "empty":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        elif fault == "text":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("<html>404</html>")
        question = f"Lesson {n}: name it." if side == "train" else f"What do you hear at place {n}?"
        found.append({"id": f"{side}{n}", "question": question, "audio": str(path)})
    return lines(folder / f"{side}.jsonl", found)


def lines(path: Path, found: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def run(*words: object) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(app, ["leaks", *map(str, words), "--json"])
    text = CliRunner().invoke(app, ["leaks", *map(str, words)])
    assert done.exit_code == text.exit_code, (done.output, text.output)
    return done.exit_code, json.loads(done.stdout), text.stdout


@pytest.mark.parametrize("fault", ["missing", "empty", "text"])
@pytest.mark.parametrize("side", ["train", "bench"])
def test_nothing_heard_is_no_pass(tmp_path: Path, fault: str, side: str) -> None:
    made = {
        name: rows(tmp_path, name, 6, fault, 6 if name == side else 0)
        for name in ("train", "bench")
    }
    code, found, text = run(made["train"], made["bench"])
    assert (code, found["verdict"], found["leaked"]) == (10, "not checked", [])
    name = {"train": "training", "bench": "test"}[side]
    assert found["lacks"] == [f"6 of 6 {name} items with clips could not be heard"]
    assert "Not checked: 6 of 6" in text and "leaked (" not in text
    if side == "bench":
        assert found["compared"]["sound"] == 0 and found["compared"]["text"] == 6


@pytest.mark.parametrize(
    ("faulty", "allowed", "code"),
    [(1, None, 0), (2, None, 10), (3, 0.3, 0), (4, 0.3, 10), (1, 0, 10), (10, 1, 0)],
)
def test_some_unheard_are_told_and_bounded(
    tmp_path: Path, faulty: int, allowed: float | None, code: int
) -> None:
    train, bench = rows(tmp_path, "train", 4), rows(tmp_path, "bench", 10, "missing", faulty)
    more = () if allowed is None else ("--max-unheard", allowed)
    got, found, text = run(train, bench, *more)
    assert got == code
    assert found["bench"]["unheard"] == faulty and found["compared"]["sound"] == 10 - faulty
    assert f"{10 - faulty} by sound" in text
    assert f"{faulty} of 10 clips of bench could not be decoded: missing" in text


def test_a_leak_is_one_even_where_others_were_not_heard(tmp_path: Path) -> None:
    bench = rows(tmp_path, "bench", 6, "missing", 5)
    train = lines(tmp_path / "t.jsonl", [{"id": "t", "audio": str(tmp_path / "bench" / "5.wav")}])
    code, found, text = run(train, bench)
    assert (code, found["verdict"], found["leaked"]) == (8, "leaked", ["bench5"])
    assert found["lacks"] and "5 of 6 test items with clips could not be heard" in text


def test_what_both_sides_do_not_have_need_not_be_compared(tmp_path: Path) -> None:
    words = [
        {"id": f"q{n}", "question": f"A question of words alone, number {n}"} for n in range(3)
    ]
    texts = lines(tmp_path / "texts.jsonl", words)
    bench = rows(tmp_path, "bench", 3)
    for train, test in ((texts, bench), (bench, texts)):
        code, found, text = run(train, test)
        assert (code, found["verdict"]) == (0, "none found")
        assert found["compared"]["sound"] == 0 and "only sources and text were compared" in text


@pytest.mark.parametrize(
    ("checks", "way"),
    [
        (["bytes"], "sound"),
        (["print", "text"], "sound"),
        (["text"], "text"),
        (["source"], "source"),
    ],
)
def test_a_check_that_was_named_must_have_compared_something(
    tmp_path: Path, checks: list[str], way: str
) -> None:
    bench = rows(tmp_path, "bench", 3)
    row = {
        "sound": {"id": "t", "question": "Words, and nothing to hear"},
        "text": {"id": "t", "audio": wav(tmp_path / "t.wav", 77)},
        "source": {"question": "Words, and no name of anything"},
    }[way]
    train = lines(tmp_path / "train.jsonl", [row])
    options = [word for check in checks for word in ("--check", check)]
    code, found, _ = run(train, bench, *options)
    assert (code, found["lacks"]) == (10, [f"no test item could be compared by {way}"])


def test_all_heard_and_nothing_found_is_a_pass(tmp_path: Path) -> None:
    code, found, text = run(rows(tmp_path, "train", 3), rows(tmp_path, "bench", 4))
    assert (code, found["verdict"], found["lacks"]) == (0, "none found", [])
    assert found["compared"] == {"sound": 4, "text": 4, "source": 4}
    assert "0 of 4 test items leaked (0.00 %)" in text
