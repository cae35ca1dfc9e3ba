"""From records to numbers: hand-checkable sums."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harken.evaluate.results import tabulate
from harken.item import Item
from scored_records import make_items, make_records, record

ITEMS = [
    Item(f"question {i}?", "dog", ("dog", "cat", "hen", "cow"), task="t", recordings=(f"r{i}",))
    for i in range(8)
]


def test_failed_requests_are_outside_the_denominator_and_counted() -> None:
    records = [record(item, "audio", 0.9) for item in ITEMS]
    for at, outcome in ((0, "failed"), (1, "abstained"), (2, "unparsable"), (3, "wrong")):
        records[at] |= {"outcome": outcome, "parsed": None, "logprobs": None}
    cell = tabulate(records)["overall"]["cells"]["audio"]
    assert cell["asked"] == 8 and cell["answered"] == 7
    assert cell["accuracy"] == pytest.approx(4 / 7)
    assert cell["outcomes"] == {
        "correct": 4, "wrong": 1, "abstained": 1, "unparsable": 1, "failed": 1,
    }  # fmt: skip


def test_wilson_interval_by_hand() -> None:
    # Wilson 1927 for 8 of 8: low = 8 / (8 + z²), z = 1.959964
    cell = tabulate([record(item, "audio", 0.9) for item in ITEMS])["overall"]["cells"]["audio"]
    assert cell["low"] == pytest.approx(8 / (8 + 1.959964**2), abs=1e-6)
    assert cell["high"] == 1.0


def test_gain_and_bits_of_audio_over_none() -> None:
    records = [record(item, "audio", 0.8) for item in ITEMS]
    records += [record(item, "none", 0.2) for item in ITEMS]
    gain = tabulate(records)["overall"]["gains"]["none"]
    assert gain["difference"] == 1.0 and gain["items"] == 8
    assert gain["p"] == pytest.approx(2 / 2**8)
    assert gain["bits"]["mean"] == pytest.approx(2.0, abs=1e-5)  # log2(0.8 / 0.2)


def test_chance_and_floors_need_no_model() -> None:
    yes_no = [Item(f"{i}?", ("yes", "no")[i % 2], ("yes", "no"), task="y") for i in range(4)]
    found = tabulate([record(item, "audio", 0.9) for item in [*ITEMS[:4], *yes_no]])
    assert found["overall"]["chance"] == pytest.approx((4 * 0.25 + 4 * 0.5) / 8)
    rows = {row["task"]: row for row in found["tasks"]}
    assert rows["y"]["floors"] == {"first": 0.5, "longest": 0.5}
    assert rows["t"]["floors"] == {"first": 1.0, "longest": pytest.approx(0.25)}
    assert found["macro"]["audio"] == 1.0


def test_position_bias_is_seen_only_where_it_is() -> None:
    items = [Item(f"{i}?", "abcd"[i % 4], tuple("abcd"), task="t") for i in range(80)]
    fair = tabulate([record(item, "audio", 0.9) for item in items])
    always_a = [record(item, "audio", 0.9) | {"parsed": "a"} for item in items]
    biased = tabulate(always_a)
    position = [r["overall"]["cells"]["audio"]["position"] for r in (fair, biased)]
    assert position[0]["chosen"] == [20] * 4 and position[0]["p"] == pytest.approx(1.0)
    assert position[1]["chosen"] == [80, 0, 0, 0] and position[1]["p"] < 1e-6


def test_rotations_do_not_multiply_the_items() -> None:
    once = tabulate([record(item, "audio", 0.9) for item in ITEMS])
    turned = tabulate([record(item, "audio", 0.9, r) for item in ITEMS for r in range(4)])
    for name in ("accuracy", "low", "high", "items"):
        cells = [r["overall"]["cells"]["audio"][name] for r in (once, turned)]
        assert cells[0] == cells[1]
    assert turned["rotations"] == 4 and turned["records"] == 32


def test_results_are_a_pure_function_of_the_records(tmp_path: Path) -> None:
    items = make_items(tmp_path, 12)
    records = make_records(items, lambda item, condition, draw: float(draw.uniform(0.1, 0.9)))
    assert tabulate(records) == tabulate([dict(t) for t in records])


def test_open_questions_have_no_chance_level() -> None:
    item = Item("In which order?", "dog, cat", task="order")
    base = record(Item("x?", "a", ("a", "b"), task="order"), "audio", 0.9)
    base |= {"item": item.id, "choices": [], "order": [], "logprobs": None, "gold_shown": -1}
    row = tabulate([base])["overall"]
    assert row["chance"] is None and row["cells"]["audio"]["position"]["p"] is None
    assert row["floors"] == {"first": None, "longest": None}


def test_every_interval_of_the_table_is_filled_in() -> None:
    records = [record(item, c, p) for c, p in (("audio", 0.9), ("none", 0.2)) for item in ITEMS]
    row = tabulate(records)["overall"]
    for cell in row["cells"].values():
        assert cell["cluster_low"] == cell["cluster_high"] == cell["accuracy"]
    gain = row["gains"]["none"]
    assert gain["low"] == gain["high"] == 1.0 and gain["bits"]["low"] is not None
    assert gain["p_bootstrap"] == 2.0 ** (1 - len(ITEMS))  # all that eight recordings can show


def test_answers_about_one_recording_widen_its_interval() -> None:
    # Four recordings of ten questions, all right or all wrong: there are four answers, not 40.
    items = [Item(f"{i}?", "a", ("a", "b"), recordings=(f"r{i // 10}",)) for i in range(40)]
    records = [record(item, "audio", (0.9, 0.1)[at // 10 % 2]) for at, item in enumerate(items)]
    cell = tabulate(records)["overall"]["cells"]["audio"]
    assert cell["accuracy"] == 0.5 and cell["high"] - cell["low"] < 0.31
    assert (cell["cluster_low"], cell["cluster_high"]) == (0.0, 1.0)


def test_rates_of_abstained_unparsable_and_failed() -> None:
    records = [record(item, "audio", 0.9) for item in ITEMS]
    for at, outcome in ((0, "failed"), (1, "abstained"), (2, "unparsable"), (3, "abstained")):
        records[at] |= {"outcome": outcome, "parsed": None, "logprobs": None}
    cell = tabulate(records)["overall"]["cells"]["audio"]
    assert cell["rates"] == {"abstained": 2 / 7, "unparsable": 1 / 7, "failed": 1 / 8}


def test_calibration_by_hand() -> None:
    # Six of eight right, always at 0.75 (so 1/12 for each of the others): sure exactly as right.
    records = [record(item, "audio", 0.75) for item in ITEMS]
    for own in records[:2]:
        wrong = own["order"].index(1)
        own["logprobs"][own["gold_shown"]], own["logprobs"][wrong] = (
            own["logprobs"][wrong], own["logprobs"][own["gold_shown"]],
        )  # fmt: skip
        own |= {"outcome": "wrong", "parsed": "cat"}
    own = tabulate(records)["overall"]["cells"]["audio"]["calibration"]
    assert (own["n"], own["accuracy"]) == (8, 0.75)
    assert own["ece"] == pytest.approx(0.0, abs=1e-5) and own["ece_mass"] == pytest.approx(
        0, abs=1e-5
    )
    right = 0.25**2 + 3 / 12**2
    wrong = 0.75**2 + (11 / 12) ** 2 + 2 / 12**2
    assert own["brier"] == pytest.approx((6 * right + 2 * wrong) / 8, abs=1e-5)
    assert own["area"] == pytest.approx(0.75) and own["curve"][-1] == [1.0, 0.75]
    assert own["bins"] == [[pytest.approx(0.75, abs=1e-5), 0.75, 8]]
    silent = [record(item, "audio", 0.75, logprobs=None) for item in ITEMS]
    assert tabulate(silent)["overall"]["cells"]["audio"]["calibration"] is None


def test_gains_are_corrected_over_tasks() -> None:
    records = []
    for task, better in (("s", 6), ("t", 8)):
        for at in range(10):
            item = Item(f"{task}{at}?", "a", ("a", "b"), task=task, recordings=(f"{task}{at}",))
            records.append(record(item, "audio", 0.9 if at < better else 0.2))
            records.append(record(item, "none", 0.2))
    found = tabulate(records)
    s, t = (row["gains"]["none"] for row in found["tasks"])
    assert (s["p"], t["p"]) == (pytest.approx(2 / 2**6), pytest.approx(2 / 2**8))
    assert (s["p_holm"], t["p_holm"]) == (pytest.approx(2 / 2**6), pytest.approx(4 / 2**8))
    whole = found["overall"]["gains"]["none"]
    assert whole["p_holm"] == whole["p"] and whole["p_bootstrap_holm"] == whole["p_bootstrap"]
    assert t["p_bootstrap_holm"] == pytest.approx(2 * t["p_bootstrap"])


def test_no_number_depends_on_the_order_of_conditions_or_records(tmp_path: Path) -> None:
    items = make_items(tmp_path, 30)
    records = make_records(items, lambda item, condition, draw: float(draw.uniform(0.1, 0.9)))
    there = tabulate(records)
    random.Random(3).shuffle(records)
    back = tabulate(records)
    assert sorted(back.pop("conditions")) == sorted(there.pop("conditions"))
    assert back == there


def test_no_records_are_empty_tables() -> None:
    found = tabulate([])
    assert found["items"] == 0 and found["tasks"] == [] and found["overall"]["chance"] is None
