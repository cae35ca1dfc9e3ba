"""AIR-Bench chat: what is judged, and the tables the script prints, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_models import Says

from harken.evaluate.benchmarks.air_bench_chat import read_pair
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score

BENCH = open_benchmark("air-bench-chat")
TASKS = ("speech_QA", "sound_QA", "music_QA", "speech_and_sound_QA", "speech_and_music_QA")


def row(name: str, task: str, first: Any = ..., second: Any = ..., response: Any = "r") -> Any:
    found = {"uniq_id": name, "path": "a.wav", "question": name, "answer_gt": "gold",
             "meta_info": "a bell", "task_name": task, "dataset_name": "d"}  # fmt: skip
    given = {"gpt-score": first, "gpt-score-cir": second, "response": response}
    return found | {key: value for key, value in given.items() if value is not ...}


def scored(path: Path, rows: list[Any], judge: Says | None = None) -> dict[str, Any]:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    items = BENCH.load(path, partial=True)
    return score(BENCH, items, BENCH.read_predictions(path), Helpers(judge=judge))


def rest(*without: str) -> list[Any]:
    """A tied row of each task, so that no group is empty."""
    return [row(task, task, "5 5", "5 5") for task in TASKS if task not in without]


def test_win_rate_and_reference_by_order_and_group(tmp_path: Path) -> None:
    lines = [("9 3", "4 8"), ("2 7", "7 2"), ("5 5", "6 6"), ("1 10", "nothing")]
    speech = [row(f"s{n}", "speech_QA", *own) for n, own in enumerate(lines)]
    parts = scored(tmp_path / "a.jsonl", speech + rest("speech_QA"))["official"]["parts"]
    first, second = (order["speech"] for order in parts["orders"].values())
    assert first == {"n": 4, "win_rate": 0.5, "model": 25 / 4, "reference": 17 / 4}
    assert second == {"n": 3, "win_rate": 1 / 3, "model": 17 / 3, "reference": 16 / 3}
    assert parts["speech"] == pytest.approx((25 / 4 + 17 / 3) / 2)
    assert parts["win_rate"]["speech"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert parts["reference"]["speech"] == pytest.approx((17 / 4 + 16 / 3) / 2)
    assert parts["reference"]["sound"] == 5 and parts["win_rate"]["sound"] == 0


def test_mixed_is_the_mean_of_the_two_mixed_groups(tmp_path: Path) -> None:
    rows = [
        *rest("speech_and_sound_QA", "speech_and_music_QA"),
        row("x", "speech_and_sound_QA", "2 6", "6 2"),
        row("y", "speech_and_music_QA", "4 3", "3 4"),
    ]
    official = scored(tmp_path / "a.jsonl", rows)["official"]
    assert official["parts"]["mixed"] == 4.5
    assert official["parts"]["win_rate"]["mixed"] == 0.5
    assert official["parts"]["reference"]["mixed"] == 3
    assert official["value"] == (5 + 5 + 5 + 4.5) / 4


@pytest.mark.parametrize(("response", "asked"), [("", 1), ("  ", 1), ("A bell.", 1), (None, 0)])
def test_an_empty_response_is_judged_and_a_null_one_is_not(
    response: str | None, asked: int, tmp_path: Path
) -> None:
    judge = Says(lambda text: "4 4")
    found = scored(
        tmp_path / "a.jsonl",
        [row("x", "speech_QA", response=response), *(row(t, t) for t in TASKS)],
        judge,
    )
    mine = [text for text in judge.asked if '"question": "x"' in text]
    assert len(mine) == 2 * asked
    told = any("1 empty responses were judged" in one for one in found["official"]["faults"])
    assert told == (asked == 1 and not (response or "").strip())
    assert found["official"]["n"] == 5 + asked
    strict = {"": "empty", "  ": "empty", None: "not-text"}.get(response)
    assert found["counts"] == ({"parsed": 6} if strict is None else {strict: 1, "parsed": 5})


def test_stored_lines_count_whatever_the_response(tmp_path: Path) -> None:
    rows = [*rest("speech_QA"), row("x", "speech_QA", "9 3", "3 9", None)]
    found = scored(tmp_path / "a.jsonl", rows)
    assert found["official"]["parts"]["speech"] == 3 and found["official"]["n"] == 5
    assert found["counts"] == {"not-text": 1, "parsed": 4}, "strictly there is no reply"


@pytest.mark.parametrize("line", ["-3 8", "8 -3", "0 9"])
def test_numbers_below_the_scale_are_taken_and_strictly_not(line: str, tmp_path: Path) -> None:
    rows = [*rest("speech_QA"), row("x", "speech_QA", line, line)]
    found = scored(tmp_path / "a.jsonl", rows)
    one, two = map(int, line.split())
    assert found["official"]["parts"]["speech"] == (one + two) / 2
    assert found["strict"]["failed"] == 1 and found["strict"]["n"] == 4
    assert any("2 judge lines hold a number below 1" in one for one in found["official"]["faults"])


def test_where_the_scripts_stop(tmp_path: Path) -> None:
    null = scored(tmp_path / "a.jsonl", [*rest(), row("x", "speech_QA", None, "5 5")])
    assert "gpt-score of x is not text" in null["official"]["stops"]
    items = BENCH.load(tmp_path / "a.jsonl", partial=True)
    texts = dict.fromkeys(TASKS, "r")
    given = Predictions(texts, (*TASKS, "x"))  # a row without the field
    found = BENCH.official(items, given, Helpers(Says(lambda text: "5 5")))
    assert found.value is None and "the row x has no response" in found.stops
    known = Predictions(texts, TASKS)
    assert BENCH.official(items, known, Helpers(Says(lambda text: "5 5"))).value == 5


@pytest.mark.parametrize("line", ["4 4", "no numbers"])
def test_an_empty_response_without_a_readable_line_was_not_judged(
    line: str, tmp_path: Path
) -> None:
    rows = [*rest("speech_QA"), row("x", "speech_QA", line, line, ""),
            row("y", "speech_QA", "5 5", "5 5")]  # fmt: skip
    faults = scored(tmp_path / "a.jsonl", rows)["official"]["faults"]
    assert any("empty responses were judged" in one for one in faults) is (line == "4 4")
    assert any("1 of 6 items have no judged reply" in one for one in faults) is (line != "4 4")


@pytest.mark.parametrize(
    ("line", "pair"),
    [("9 3", (9, 3)), (" 9 3\n", (9, 3)), ("10 10", (10, 10)), ("11 3", None), ("3 11", None),
     ("0 -4", (0, -4)), ("9  3", None), ("9", None), ("9 3 1", None), ("9.5 3", None)],
)  # fmt: skip
def test_a_line_is_two_whole_numbers_up_to_10(line: str, pair: tuple[int, int] | None) -> None:
    assert read_pair(line) == pair


def test_an_item_is_worth_a_tenth_of_its_points_and_the_orders_are_swapped(
    tmp_path: Path,
) -> None:
    judge = Says(lambda text: "3 7")
    path = tmp_path / "a.jsonl"
    rows = [row("x", "speech_QA", response="said")]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    items = BENCH.load(path, partial=True)
    found = BENCH.official(items, BENCH.read_predictions(path), Helpers(judge=judge))
    reference_first, model_first = judge.asked
    assert reference_first.index("gold") < reference_first.index("said")
    assert model_first.index("said") < model_first.index("gold")
    assert found.scores == {"x": (7 + 3) / 2 / 10}
