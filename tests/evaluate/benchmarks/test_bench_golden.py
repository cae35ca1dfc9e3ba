"""Each benchmark: a release of the real layout, replies, and the numbers worked out by hand.

`tests/data/<name>/`: ``release/`` (made up, in the official layout), a prediction file in the
benchmark's own format, ``expected.json`` (with the working under ``why``), ``broken/`` and the
faults that must all be reported at once.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harken.errors import DataError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.load import BENCHMARKS, open_benchmark
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of
from harken.item import Item

DATA = Path(__file__).resolve().parents[2] / "data"
NAMES = [name for name in BENCHMARKS if name != "own"]


SIZED = [name for name in NAMES if open_benchmark(name).sizes]
WITH_AUDIO = [name for name in NAMES if name != "jailbreak"]  # its rows may name no audio
CLOSED = [
    name
    for name in NAMES
    if name
    not in ("air-bench-chat", "longaudiobench", "hallucination-generative", "grounding",
            "jailbreak", "captioning", "retrieval", "asr", "meetings")
]  # fmt: skip
TEXTS = [name for name in NAMES if name not in ("retrieval", "hallucination-generative")]


def source(name: str, part: str = "release") -> Path:
    return DATA / name / part


def opened(name: str) -> tuple[Benchmark, list[Item]]:
    benchmark = open_benchmark(name)
    return benchmark, benchmark.load(source(name), partial=True)


def replies(name: str, benchmark: Benchmark) -> Predictions:
    (path,) = (DATA / name).glob("predictions.*")
    return benchmark.read_predictions(path)


def near(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(near(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=0, abs_tol=1e-12)
    return bool(found == wanted)


@pytest.mark.parametrize("name", NAMES)
def test_official_and_strict_are_as_worked_out_by_hand(name: str) -> None:
    wanted = json.loads((DATA / name / "expected.json").read_text())
    benchmark, items = opened(name)
    found = score(benchmark, items, replies(name, benchmark))
    official = found["official"]
    assert official["metric"] == wanted["metric"]
    assert near(official["value"], wanted["official"]), official
    assert official["n"] == wanted["n"], official
    assert near(official["parts"], wanted.get("parts", {})), official["parts"]
    assert len(official["faults"]) == len(wanted["faults"]), official["faults"]
    for text, begins in zip(official["faults"], wanted["faults"], strict=True):
        assert text.startswith(begins)
    if wanted["strict"] is not None:
        assert near(found["strict"]["accuracy"], float(wanted["strict"])), found["strict"]
        assert near(found["parse_rate"], float(wanted["parse_rate"])), found["counts"]
    assert found["n"] == len(items) == found["strict"]["n"] + found["strict"]["failed"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_release_is_refused_with_every_fault(name: str) -> None:
    wanted = json.loads((DATA / name / "faults.json").read_text())
    with pytest.raises(DataError) as refused:
        open_benchmark(name).load(source(name, "broken"))
    text = refused.value.found
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    for fault in wanted:
        assert any(line.startswith(fault) for line in lines), text
    if name not in ("mae", "compa", "deafness"):  # these tell more than is listed
        assert len(lines) == len(wanted), text
    assert "fingerprint" in refused.value.where


@pytest.mark.parametrize("name", SIZED)
def test_a_shrunken_release_is_refused_unless_partial(name: str) -> None:
    benchmark = open_benchmark(name)
    with pytest.raises(DataError, match="known releases hold"):
        benchmark.load(source(name))
    assert any("known releases" in note for note in benchmark.release(
        source(name), partial=True).notes)  # fmt: skip


@pytest.mark.parametrize("name", WITH_AUDIO)
def test_missing_audio_is_reported_for_every_clip(name: str) -> None:
    benchmark, items = opened(name)
    clips = sum(len(item.clips) for item in items)
    with pytest.raises(DataError) as refused:
        benchmark.load(source(name), need_audio=True, partial=True)
    assert refused.value.found.count("missing audio") == clips > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_reply_is_never_a_strict_success(name: str) -> None:
    benchmark, items = opened(name)
    keys = [key_of(item) for item in items]
    for texts, state in (({}, "missing"), (dict.fromkeys(keys, ""), "empty")):
        found = score(benchmark, items, Predictions.of(texts, keys))
        assert found["strict"]["accuracy"] == 0
        assert found["counts"] == {state: len(items)}
        assert found["parse_rate"] == 0


@pytest.mark.parametrize("name", CLOSED)
def test_all_wrong_choices_score_nothing_and_all_right_ones_everything(name: str) -> None:
    benchmark, items = opened(name)
    shut = [item for item in items if len(item.choices) > 1]
    right = {key_of(item): item.answer for item in shut}
    wrong = {key_of(item): next(one for one in item.choices if one != item.answer) for item in shut}
    assert score(benchmark, shut, right)["strict"]["accuracy"] == 1
    assert score(benchmark, shut, wrong)["strict"]["accuracy"] == 0


@pytest.mark.parametrize("name", TEXTS)
def test_predictions_are_written_and_read_back(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    texts = {key_of(item): f"reply {n}" for n, item in enumerate(items[1:])}
    for suffix in (".json", ".jsonl"):
        path = tmp_path / f"out{suffix}"
        benchmark.write_predictions(path, items, texts)
        back = benchmark.read_predictions(path)
        assert dict(back.texts) == texts
        rows = items if benchmark.keeps_absent else items[1:]
        assert back.rows == tuple(key_of(item) for item in rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_predictions_is_refused_not_scored(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    path = tmp_path / "bare.jsonl"
    path.write_text("".join(json.dumps({benchmark.key: key_of(i), "answer": i.answer}) + "\n"
                            for i in items))  # fmt: skip
    with pytest.raises(DataError, match="no row has a prediction"):
        benchmark.read_predictions(path)


@pytest.mark.parametrize("name", NAMES)
def test_predictions_for_unknown_keys_are_all_listed(name: str) -> None:
    benchmark, items = opened(name)
    with pytest.raises(DataError) as refused:
        score(benchmark, items, {"nobody-1": "x", "nobody-2": "y"})
    assert "nobody-1" in refused.value.found and "nobody-2" in refused.value.found


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprint_is_of_the_content(name: str, tmp_path: Path) -> None:
    benchmark = open_benchmark(name)
    one = benchmark.release(source(name), partial=True)
    two = benchmark.release(source(name), partial=True)
    assert one.fingerprint == two.fingerprint and len(one.fingerprint) == 16
    assert [item.id for item in one.items] == [item.id for item in two.items]


@pytest.mark.parametrize("name", [*NAMES, "own"])
def test_every_file_has_the_same_structure(name: str) -> None:
    benchmark = open_benchmark(name)
    assert benchmark.name == name
    assert benchmark.title and benchmark.paper and benchmark.rule and benchmark.files
    import sys

    text = sys.modules[type(benchmark).__module__].__doc__ or ""
    assert "harken score --benchmark" in text


UNUSUAL = [
    None,
    3,
    1.5,
    True,
    ["a", 1],
    {"a": 1},
    "x" * 50_000,
    "\0",
    "🦊",
    "<think>",
    "AAA",
    "%s{}",
]


@pytest.mark.parametrize("name", NAMES)
def test_unusual_replies_are_scored_without_an_error(name: str) -> None:
    benchmark, items = opened(name)
    for reply in UNUSUAL:
        # Two instructions of mmau-pro are obeyed by anything, and its open item is not judged.
        most = 0.5 if reply == "AAA" else 0.4 if name == "mmau-pro" else 0.34
        found = score(benchmark, items, {key_of(item): reply for item in items})
        # Words that all references lack: nothing here is right; None where only a judge could say.
        assert (found["strict"]["accuracy"] or 0) <= most, (reply, found)
        json.dumps(found, allow_nan=False)
