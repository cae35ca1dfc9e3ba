"""Pairing by item and rotations, by hand."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from harken.stats.paired import by_item, compare, correctness, gold_bits, pair


def record(item: str, condition: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "item": item,
        "task": "t",
        "condition": condition,
        "rotation": 0,
        "clips": 1,
        "choices": ["yes", "no"],
        "order": [0, 1],
        "answer": "yes",
        "parsed": "yes" if outcome == "correct" else None,
        "outcome": outcome,
        "group": item,
        "logprobs": None,
        "gold_shown": 0,
        **more,
    }


def test_failed_requests_have_no_score_and_abstained_ones_are_not_right() -> None:
    records = [
        record("a", "audio", "correct"),
        record("b", "audio", "failed"),
        record("c", "audio", "abstained"),
        record("d", "none", "correct"),
    ]
    assert correctness(records, "audio") == {("a", 0, 0): True, ("c", 0, 0): False}


def test_bits_are_log2_of_the_gold_choice() -> None:
    records = [record("a", "audio", "correct", logprobs=[log(0.25), log(0.75)])]
    assert gold_bits(records, "audio") == {("a", 0, 0): pytest.approx(-2.0)}


def test_one_rotation_is_the_exact_mcnemar_test() -> None:
    # 6 better, 1 worse, 3 equal: p = 2 · (C(7,0) + C(7,1)) / 2^7 = 16 / 128
    a = {(str(i), 0, 0): i != 6 for i in range(10)}
    b = {(str(i), 0, 0): i >= 6 for i in range(10)}
    found = pair(a, b, {str(i): str(i) for i in range(10)})
    assert (len(found.better), len(found.worse)) == (6, 1)
    assert found.p == pytest.approx(16 / 128)
    assert found.difference == pytest.approx((9 - 4) / 10)
    assert found.low is not None and found.high is not None
    assert found.low <= found.difference <= found.high


def test_an_item_asked_in_four_orders_counts_once() -> None:
    a = {("x", r, 0): True for r in range(4)}
    b = {("x", r, 0): r == 0 for r in range(4)}
    found = pair(a, b, {"x": "x"})
    assert (found.items, found.better, found.difference) == (1, ("x",), 0.75)
    assert found.p == 1.0  # one item that differs proves nothing, however often it was asked


def test_only_what_both_answered_is_paired() -> None:
    found = pair({("x", 0, 0): True, ("y", 0, 0): True}, {("x", 0, 0): False}, {"x": "x", "y": "y"})
    assert found.items == 1
    nothing = pair({("x", 0, 0): True}, {}, {"x": "x"})
    assert (nothing.items, nothing.difference, nothing.p) == (0, None, None)


def test_by_item_is_the_mean_over_rotations() -> None:
    assert by_item({("x", 0, 0): 1, ("x", 1, 0): 0, ("y", 0, 0): 1}) == {"x": 0.5, "y": 1.0}


def test_compare_corrects_over_tasks_by_holm_and_leaves_the_whole_alone() -> None:
    old, new = [], []
    for task, better in (("s", 6), ("t", 8)):
        for i in range(10):
            old.append(record(f"{task}{i}", "audio", "wrong", task=task))
            outcome = "correct" if i < better else "wrong"
            new.append(record(f"{task}{i}", "audio", outcome, task=task))
    whole, s, t = compare(old, new, "audio")
    assert (whole["task"], s["task"], t["task"]) == ("all tasks", "s", "t")
    assert (s["a"], s["b"]) == (0.0, 0.6)
    assert whole["p_holm"] == whole["paired"]["p"] == pytest.approx(2 / 2**14)
    assert t["p_holm"] == pytest.approx(2 * 2 / 2**8)  # the smaller p, times two
    assert s["p_holm"] == pytest.approx(2 / 2**6)


def test_clips_in_another_order_pair_with_the_same_order_only() -> None:
    turned = [
        record("a", "audio", outcome, clip_rotation=turn)
        for turn, outcome in enumerate(("correct", "wrong"))
    ]
    plain = [record("a", "audio", "wrong")]
    assert correctness(turned, "audio") == {("a", 0, 0): True, ("a", 0, 1): False}
    (whole, _) = compare(plain, turned, "audio")
    assert (whole["paired"]["items"], whole["b"], whole["paired"]["difference"]) == (1, 1.0, 1.0)


def test_a_pair_alone_and_in_a_table_has_the_same_interval() -> None:
    old = [record(f"i{i}", "audio", "wrong" if i % 3 else "correct") for i in range(30)]
    new = [record(f"i{i}", "audio", "wrong" if i % 4 else "correct") for i in range(30)]
    alone = pair(
        correctness(new, "audio"), correctness(old, "audio"), {f"i{i}": f"i{i}" for i in range(30)}
    )
    (whole, _) = compare(old, list(reversed(new)), "audio")
    found = alone.to_json()
    assert {k: sorted(v) if isinstance(v, list) else v for k, v in found.items()} == whole["paired"]
