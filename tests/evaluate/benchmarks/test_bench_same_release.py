"""A prediction file made for another version of the release is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_bench_cli import harken
from test_bench_golden import DATA, NAMES, opened, replies, source

from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.same_release import differences, warning
from harken.evaluate.benchmarks.types import key_of, row_of
from harken.evaluate.benchmarks.writing import write_rows

Change = Callable[[dict[str, Any]], dict[str, Any]]

LISTS = {
    "mmau": "choices", "mmar": "choices", "dcase2026": "multi_choice", "deafness": "choices",
    "mmau-pro": "choices", "rgi": "choices", "dcase2025": "choice",
}  # fmt: skip


def made(name: str, change: Change) -> Predictions:
    """Predictions whose rows are those of the release, each changed."""
    items = opened(name)[1]
    rows = {key_of(item): change(dict(row_of(item))) for item in items}
    texts = dict.fromkeys(rows, "A")
    return Predictions(texts, tuple(texts), "prediction", rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_same_release_has_no_difference(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    assert differences(benchmark, items, made(name, lambda row: row)) is None
    assert differences(benchmark, items, replies(name, benchmark)) is None
    bare = Predictions({key_of(item): "A" for item in items}, tuple(map(key_of, items)))
    assert differences(benchmark, items, bare) is None  # ids and replies: nothing to compare


@pytest.mark.parametrize("name", LISTS)
def test_options_in_another_order(name: str) -> None:
    field = LISTS[name]
    benchmark, items = opened(name)
    turned = made(name, lambda row: {**row, field: (row.get(field) or [])[::-1]})
    found = differences(benchmark, items, turned)
    several = [item for item in items if len(set(item.plan["options"])) > 1]
    mirrored = [one for one in several if one.plan["options"] == one.plan["options"][::-1]]
    assert found is not None and found["order"] == len(several) - len(mirrored)
    assert found["options"] == found["question"] == 0
    lettered = name == "dcase2025"  # a gold that is a letter names another option then
    assert found["gold"] == 0 or lettered
    example = found["example"]
    assert example["differs"] == "order" and example["here"] == example["data"][::-1]
    assert example["id"] in warning(found) and "in another order" in warning(found)


@pytest.mark.parametrize("name", ["mmsu", "air-bench"])
def test_lettered_columns_in_another_order(name: str) -> None:
    benchmark, items = opened(name)
    found = differences(
        benchmark, items,
        made(name, lambda row: {**row, "choice_a": row["choice_b"], "choice_b": row["choice_a"]}),
    )  # fmt: skip
    assert found is not None and found["order"] == found["rows"] > 0


GOLDS = {
    "mmau": "answer", "mmar": "answer", "mmsu": "answer_gt", "air-bench": "answer_gt",
    "air-bench-chat": "answer_gt", "dcase2025": "answer", "dcase2026": "answer",
    "longaudiobench": "output", "hallucination": "label", "rgi": "answer", "deafness": "answer",
    "mmau-pro": "answer", "asr": "text", "mae": "answer",
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDS)
def test_another_gold(name: str) -> None:
    benchmark, items = opened(name)
    first = str(key_of(items[0]))
    changed = made(
        name, lambda row: {**row, GOLDS[name]: "zebra"} if str(row[benchmark.key]) == first else row
    )
    found = differences(benchmark, items, changed)
    assert found is not None and (found["rows"], found["gold"]) == (1, 1), found
    assert found["example"]["id"] == first and "zebra" in str(found["example"]["here"]).lower()


@pytest.mark.parametrize("name", ["mmau", "mmar", "mmsu", "deafness", "air-bench-chat"])
def test_another_question(name: str) -> None:
    benchmark, items = opened(name)
    found = differences(
        benchmark, items, made(name, lambda row: {**row, "question": row["question"] + " Say."})
    )
    assert found is not None and found["question"] == found["rows"] == len(items)


def test_other_options_and_both_at_once() -> None:
    benchmark, items = opened("mmau")
    found = differences(benchmark, items, made("mmau", lambda row: {
        **row, "choices": [*row["choices"], "zebra"], "answer": "zebra"}))  # fmt: skip
    assert found is not None
    assert (found["rows"], found["options"], found["gold"]) == (4, 4, 4) and found["order"] == 0


def test_lists_that_a_table_wrote_as_text_say_nothing(tmp_path: Path) -> None:
    benchmark, items = opened("mmau")
    path = tmp_path / "p.csv"
    write_rows(path, [{**row_of(item), "model_output": "x"} for item in items])
    assert differences(benchmark, items, benchmark.read_predictions(path)) is None


def test_score_and_parse_report_warn(tmp_path: Path) -> None:
    rows = json.loads((DATA / "mmau" / "release" / "mmau-test-mini.json").read_text())
    stale = tmp_path / "stale.json"
    stale.write_text(json.dumps([{**row, "choices": row["choices"][::-1], "model_output": "A"}
                                 for row in rows]))  # fmt: skip
    words = ("-b", "mmau", "-p", str(stale), "--data", str(source("mmau")))
    for verb in ("score", "parse-report"):
        found = harken(verb, *words, "--json")
        assert found["other_version"]["order"] == found["other_version"]["rows"] == 4
        assert found["warnings"][0].startswith("4 of 4 rows were made for another version")
        assert "another version of the release" in harken(verb, *words)
    alone = harken("score", "-b", "mmau", "-p", str(stale), "--json")
    assert alone["other_version"] is None
    fresh = harken("score", "-b", "mmau", "-p", str(DATA / "mmau" / "predictions.json"),
                   "--data", str(source("mmau")), "--json")  # fmt: skip
    assert fresh["other_version"] is None


def test_an_own_table_is_compared_too(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "name: my\ndata: d.csv\nid: clip\nquestion: Which?\nchoices: [a, b]\nanswer: gold\n"
    )
    (tmp_path / "d.csv").write_text("clip,a,b,gold\n1,dog,cat,cat\n2,car,bus,bus\n")
    (tmp_path / "p.csv").write_text(
        "clip,a,b,gold,prediction\n1,dog,cat,cat,cat\n2,bus,car,bus,A\n"
    )
    found = harken(
        "score", "-b", str(tmp_path / "my.yaml"), "-p", str(tmp_path / "p.csv"), "--json"
    )
    assert found["other_version"]["order"] == 1 and found["other_version"]["example"]["id"] == "2"
    assert open_benchmark(str(tmp_path / "my.yaml")).name == "my"


def test_rows_of_ids_and_replies_are_not_counted_as_compared() -> None:
    """One row says its question; the others have nothing to compare."""
    benchmark, items = opened("mmau")
    rows: dict[str, dict[str, Any]] = {key_of(item): {"id": key_of(item)} for item in items}
    rows[key_of(items[0])]["question"] = "Another one?"
    texts = dict.fromkeys(rows, "A")
    found = differences(benchmark, items, Predictions(texts, tuple(texts), "prediction", rows))
    assert found is not None and len(items) > 1
    assert (found["rows"], found["compared"], found["question"]) == (1, 1, 1)
    assert "1 of 1 rows" in warning(found)
