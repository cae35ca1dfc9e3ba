"""A faulty row of a release is told, and the others are read and scored, in every loader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from test_bench_cli import harken
from test_bench_golden import DATA, NAMES

from harken.errors import DataError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.floors import floor
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.parsers import parse_report
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import FAULTY_ROW, Release, key_of, row_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item

ODD: tuple[Any, ...] = (None, 3, 1.5, True, "", "  ", [], {}, [None], [[1]], {"a": 1}, "nan", [""])


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of the made-up release, after the benchmark has made them of its files."""
    benchmark = open_benchmark(name)
    source = DATA / name / "release"
    return [benchmark.keyed(row, n) for n, row in enumerate(benchmark.rows(source))]


def loaded(benchmark: Benchmark, rows: list[dict[str, Any]], **more: Any) -> Release:
    """The release of rows given directly."""
    benchmark.rows = lambda source: rows  # type: ignore[method-assign]
    return benchmark.release("made up", partial=True, **more)


@pytest.mark.parametrize("name", NAMES)
def test_any_value_in_any_field_is_told_or_harmless(name: str) -> None:
    whole = rows_of(name)
    made = ("pair", "kind", "side")  # by the loader of CompA, from the row's place
    for field in (field for field in whole[0] if field not in made):
        for value in ODD:
            rows = [dict(row) for row in whole]
            rows[0][field] = value
            benchmark = open_benchmark(name)
            try:
                release = loaded(benchmark, rows)
            except DataError as refused:  # nothing is left, or the keys no longer differ
                assert len(whole) == 1, (field, value, refused)
                continue
            there = len(release.items) + len(release.odd)
            if there < len(rows):
                assert release.faults, (field, value)
                assert any(": row " in note for note in release.notes), release.notes
            assert there >= len(rows) - 1, (field, value, release.faults)
            items = [*release.items, *release.odd]
            texts = dict.fromkeys(map(key_of, items), "A")
            found = score(benchmark, items, Predictions.of(texts), None, release.left_out)
            json.dumps(found)
            assert found["n"] == found["strict"]["n"] + found["strict"]["failed"] + len(release.odd)


MENDED: Mapping[str, Mapping[str, Any]] = {
    "mmau": {"choices": ["dog"]},
    "mmar": {"answer": "none of these words"},
    "mmsu": {"answer_gt": "none of these words"},
    "air-bench": {"path": 7},
    "air-bench-chat": {"task_name": "cooking_QA"},
    "dcase2025": {"choice": "A. dog"},
    "dcase2026": {"multi_choice": None},
    "longaudiobench": {"prompt": " "},
    "hallucination": {"audio_index": None},
    "hallucination-generative": {"label": []},
    "rgi": {"choices": []},
    "deafness": {"snr_db": "loud"},
    "grounding": {"answer": "somewhere", "segments": None},
    "spatial": {"question_type": "SMELL"},
    "jailbreak": {"text": 7},
    "captioning": {"references": []},
    "retrieval": {"clips": "a.wav"},
    "asr": {"text": "…"},
    "meetings": {"turns": []},
    "mae": {"set": "cooking"},
    "mmau-pro": {"category": None},
}


@pytest.mark.parametrize("name", MENDED)
def test_the_rest_scores_as_it_would_without_the_faulty_row(name: str) -> None:
    whole = rows_of(name)
    if len(whole) < 2:
        pytest.skip("a release of one row")
    benchmark = open_benchmark(name)
    release = loaded(benchmark, [{**whole[0], **MENDED[name]}, *whole[1:]])
    assert len(release.items) == len(whole) - 1
    assert any("row 1 (" in note for note in release.notes), release.notes
    texts = {key_of(item): item.answer or "no" for item in release.items}
    key = str(whole[0][benchmark.key])
    found = score(benchmark, release.items, {**texts, key: "x"} if release.left_out else texts,
                  None, release.left_out)  # fmt: skip
    alone = open_benchmark(name)
    fewer = loaded(alone, whole[1:])
    wanted = score(alone, fewer.items, texts)
    assert found["official"] == wanted["official"] and found["strict"] == wanted["strict"]
    assert any("faulty" in note for note in found["notes"]) == bool(release.left_out)


def test_pairs_of_which_a_question_is_faulty_do_not_count() -> None:
    rows = rows_of("compa")
    rows[0] = {**rows[0], "pair_caption": ""}
    benchmark = open_benchmark("compa")
    release = loaded(benchmark, rows)
    assert len(release.items) == len(rows) - 1 and release.left_out == ("0-text0",)
    found = score(benchmark, release.items, {key_of(one): one.answer for one in release.items})
    assert found["official"]["n"] == len(rows) / 4 - 1 and found["official"]["value"] == 1
    assert "1 pairs lack one" in found["official"]["faults"][0]
    assert score(benchmark, release.items[:3], {})["official"]["stops"] == "no pair is whole"


def with_empty(options: list[str], at: int) -> list[str]:
    return [*options[:at], "", *options[at:]]


@pytest.mark.parametrize("name", ["mmau", "mmar", "deafness", "dcase2025", "dcase2026"])
@pytest.mark.parametrize("at", [0, 1, 2, -1])
def test_an_empty_option_is_kept_for_the_rule_and_not_shown(name: str, at: int) -> None:
    field = {"dcase2025": "choice", "dcase2026": "multi_choice"}.get(name, "choices")
    rows = rows_of(name)
    place = len(rows[0][field]) if at < 0 else min(at, len(rows[0][field]))
    rows[0] = {**rows[0], field: with_empty(rows[0][field], place)}
    benchmark = open_benchmark(name)
    release = loaded(benchmark, rows)
    assert len(release.items) == len(rows) and not release.faults
    assert any("have an empty option" in note for note in release.notes)
    item = release.items[0]
    assert "" not in item.choices and "empty-choice" in item.tags
    assert item.plan["options"] == benchmark.options(rows[0])
    for n, own in enumerate(item.plan["options"]):  # letters are those of the release
        read = benchmark.understand(item, "ABCDEFGH"[n]).choice
        assert read == (len(item.choices) if not own else item.choices.index(own)), (n, own)
        strict = benchmark.strict_score(item, Predictions.of({key_of(item): "ABCDEFGH"[n]}))
        assert strict.value == float(own == item.answer)


SCORED_BY_SCRIPT = {
    "mmau": "answer", "mmar": "answer", "mmsu": "answer_gt", "hallucination": "label",
}  # fmt: skip


@pytest.mark.parametrize("name", SCORED_BY_SCRIPT)
@pytest.mark.parametrize("reply", ["gold", "other"])
def test_a_gold_that_is_no_option_counts_by_the_script_and_is_apart_in_strict(
    name: str, reply: str
) -> None:
    rows = rows_of(name)
    strange = "maybe" if name == "hallucination" else "zebra crossing"
    rows[0] = {**rows[0], SCORED_BY_SCRIPT[name]: strange}
    benchmark = open_benchmark(name)
    release = loaded(benchmark, rows)
    assert [FAULTY_ROW in item.tags for item in release.odd] == [True]
    assert not release.odd[0].choices and len(release.items) == len(rows) - 1
    assert any("1 row scored by the official rule only: row 1" in one for one in release.notes)
    right = {key_of(item): benchmark.submitted(item, item.gold) for item in release.items}
    key = key_of(release.odd[0])
    found = score(benchmark, [*release.items, *release.odd],
                  {**right, key: strange if reply == "gold" else "A"})  # fmt: skip
    # MMAU's and MMAR's rule compares words with the gold's own: it can be met.
    met = name in ("mmau", "mmar") and reply == "gold"
    unread = name == "mmsu" and reply == "gold"  # no letter in it
    n = len(rows) - unread
    assert found["official"]["n"] == n
    assert found["official"]["value"] == pytest.approx((len(rows) - 1 + met) / n)
    assert found["strict"]["accuracy"] == 1 and found["strict"]["n"] == len(rows) - 1
    assert found["strict"]["faulty"] == 1 and found["counts"][FAULTY_ROW] == 1
    assert found["strict"]["failed"] == 0 and found["strict"]["between"] == [1, 1]
    table = parse_report(benchmark, [*release.items, *release.odd], right)
    assert table["n"] == sum(len(item.choices) > 1 for item in release.items)


def test_air_bench_stops_at_a_gold_that_is_no_choice() -> None:
    rows = rows_of("air-bench")
    rows[0] = {**rows[0], "answer_gt": "zebra"}
    benchmark = open_benchmark("air-bench")
    release = loaded(benchmark, rows)
    items = [*release.items, *release.odd]
    found = score(benchmark, items, dict.fromkeys(map(key_of, items), "A"))
    assert "is none of its choices" in found["official"]["stops"]
    assert found["official"]["value"] is None and found["strict"]["n"] == len(rows) - 1


@pytest.mark.parametrize("name, field, value", [
    ("mmau", "task", "smell"), ("mmau", "difficulty", "brutal"), ("mmar", "modality", "smell"),
    ("mmar", "category", "Top Layer"),
])  # fmt: skip
def test_a_value_without_a_count_stops_the_script(name: str, field: str, value: str) -> None:
    rows = rows_of(name)
    rows[1] = {**rows[1], field: value}
    benchmark = open_benchmark(name)
    items = loaded(benchmark, rows).items
    found = score(benchmark, items, {key_of(item): item.answer for item in items})
    assert value in found["official"]["stops"] and found["strict"]["accuracy"] == 1


def test_withheld_answers_among_others_are_left_out_and_told() -> None:
    rows = rows_of("mmau")
    rows[0] = {**rows[0], "answer": None}
    benchmark = open_benchmark("mmau")
    items = loaded(benchmark, rows).items
    found = score(benchmark, items, {key_of(item): "x" for item in items})
    assert found["n"] == len(rows) - 1 and any("withheld" in note for note in found["notes"])


def test_a_release_without_a_usable_row_is_refused_with_all_faults() -> None:
    rows = [{"id": n, "question": "?"} for n in range(3)]
    with pytest.raises(DataError) as refused:
        loaded(open_benchmark("mmau"), rows)
    assert refused.value.found.count(": no '") == 12
    assert "row 3 (2): no 'audio_id'" in refused.value.found


def test_score_and_items_of_a_release_with_faulty_rows(tmp_path: Path) -> None:
    rows = rows_of("mmau")
    rows[0] = {**rows[0], "answer": "zebra"}
    rows[1] = {k: v for k, v in rows[1].items() if k != "difficulty"}
    path = tmp_path / "mmau-test-mini.json"
    path.write_text(json.dumps([{**row, "model_output": "zebra"} for row in rows]))
    found = harken("score", "-b", "mmau", "-p", str(path), "--json")
    assert found["official"]["n"] == 3 and found["official"]["value"] == pytest.approx(1 / 3)
    assert found["strict"]["n"] == 2 and len(found["row_faults"]) == 2
    assert any("no 'difficulty'" in one for one in found["warnings"])
    text = harken("score", "-b", "mmau", "-p", str(path))
    assert "1 row left out: row 2" in text and "1 row scored by the official rule only" in text
    with pytest.raises(DataError, match="no 'difficulty'"):  # a check reports them as errors
        harken("benchmarks", "mmau", "--data", str(path))


def test_one_faulty_row_does_not_hide_the_gold_in_the_others(tmp_path: Path) -> None:
    rows = [{**row, "response": "A"} for row in rows_of("mmsu")]
    del rows[2]["answer_gt"]
    path = tmp_path / "p.jsonl"
    write_rows(path, rows)
    found = harken("score", "-b", "mmsu", "-p", str(path), "--json")
    assert found["n"] == len(rows) - 1 and any("no 'answer_gt'" in w for w in found["warnings"])


def test_a_rubric_of_other_points_is_told_and_the_item_kept() -> None:
    rows = rows_of("mmar")
    rows[0] = {**rows[0], "rubric": [{"name": "one"}]}
    release = loaded(open_benchmark("mmar"), rows)
    assert len(release.items) == len(rows)
    assert any("1 row kept: row 1" in one and "rubric" in one for one in release.notes)


def test_items_are_unchanged_by_a_faulty_neighbour() -> None:
    rows = rows_of("mmau")
    before: dict[str, Item] = {
        key_of(one): one for one in loaded(open_benchmark("mmau"), rows).items
    }
    after = loaded(open_benchmark("mmau"), [*rows, {"id": "last"}]).items
    assert {key_of(one): one for one in after} == before
    assert [row_of(one) for one in after] == rows


def test_no_parser_takes_an_empty_option_for_an_answer() -> None:
    rows = [{**row, "choices": [*row["choices"], ""]} for row in rows_of("mmar")]
    benchmark = open_benchmark("mmar")
    items = loaded(benchmark, rows).items
    without = [len(row["choices"]) - 1 for row in rows]
    chance = floor(benchmark, items, linear=False)["chance"]
    assert chance == pytest.approx(sum(1 / size for size in without) / len(rows))
    for reply in ("", "zzz"):
        table = parse_report(benchmark, items, dict.fromkeys(map(key_of, items), reply))["parsers"]
        for name in ("exact", "substring", "harken", "strict", "first-capital"):
            assert table[name]["parsed"] == 0, (name, reply)
