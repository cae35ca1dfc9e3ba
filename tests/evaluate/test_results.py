"""From trials to numbers: hand-checkable sums."""

from __future__ import annotations

from pathlib import Path

import pytest

from exams import make_items, make_trials, trial
from harken.evaluate import tabulate
from harken.item import Item

ITEMS = [
    Item(f"question {i}?", "dog", ("dog", "cat", "hen", "cow"), task="t", recordings=(f"r{i}",))
    for i in range(8)
]


def test_failed_trials_are_outside_the_denominator_and_counted() -> None:
    trials = [trial(item, "audio", 0.9) for item in ITEMS]
    for at, outcome in ((0, "failed"), (1, "abstained"), (2, "unparsable"), (3, "wrong")):
        trials[at] |= {"outcome": outcome, "parsed": None, "logprobs": None}
    cell = tabulate(trials)["overall"]["cells"]["audio"]
    assert cell["asked"] == 8 and cell["answered"] == 7
    assert cell["accuracy"] == pytest.approx(4 / 7)
    assert cell["outcomes"] == {
        "correct": 4, "wrong": 1, "abstained": 1, "unparsable": 1, "failed": 1,
    }  # fmt: skip


def test_wilson_interval_by_hand() -> None:
    # Wilson 1927 for 8 of 8: low = 8 / (8 + z²), z = 1.959964
    cell = tabulate([trial(item, "audio", 0.9) for item in ITEMS])["overall"]["cells"]["audio"]
    assert cell["low"] == pytest.approx(8 / (8 + 1.959964**2), abs=1e-6)
    assert cell["high"] == 1.0


def test_gain_and_bits_of_audio_over_none() -> None:
    trials = [trial(item, "audio", 0.8) for item in ITEMS]
    trials += [trial(item, "none", 0.2) for item in ITEMS]
    gain = tabulate(trials)["overall"]["gains"]["none"]
    assert gain["difference"] == 1.0 and gain["items"] == 8
    assert gain["p"] == pytest.approx(2 / 2**8)
    assert gain["bits"]["mean"] == pytest.approx(2.0, abs=1e-5)  # log2(0.8 / 0.2)


def test_chance_and_floors_need_no_model() -> None:
    yes_no = [Item(f"{i}?", ("yes", "no")[i % 2], ("yes", "no"), task="y") for i in range(4)]
    found = tabulate([trial(item, "audio", 0.9) for item in [*ITEMS[:4], *yes_no]])
    assert found["overall"]["chance"] == pytest.approx((4 * 0.25 + 4 * 0.5) / 8)
    rows = {row["task"]: row for row in found["tasks"]}
    assert rows["y"]["floors"] == {"first": 0.5, "longest": 0.5}
    assert rows["t"]["floors"] == {"first": 1.0, "longest": pytest.approx(0.25)}
    assert found["macro"]["audio"] == 1.0


def test_position_bias_is_seen_only_where_it_is() -> None:
    items = [Item(f"{i}?", "abcd"[i % 4], tuple("abcd"), task="t") for i in range(80)]
    fair = tabulate([trial(item, "audio", 0.9) for item in items])
    always_a = [trial(item, "audio", 0.9) | {"parsed": "a"} for item in items]
    biased = tabulate(always_a)
    position = [r["overall"]["cells"]["audio"]["position"] for r in (fair, biased)]
    assert position[0]["chosen"] == [20] * 4 and position[0]["p"] == pytest.approx(1.0)
    assert position[1]["chosen"] == [80, 0, 0, 0] and position[1]["p"] < 1e-6


def test_rotations_do_not_multiply_the_items() -> None:
    once = tabulate([trial(item, "audio", 0.9) for item in ITEMS])
    turned = tabulate([trial(item, "audio", 0.9, r) for item in ITEMS for r in range(4)])
    for name in ("accuracy", "low", "high", "items"):
        cells = [r["overall"]["cells"]["audio"][name] for r in (once, turned)]
        assert cells[0] == cells[1]
    assert turned["rotations"] == 4 and turned["trials"] == 32


def test_results_are_a_pure_function_of_the_trials(tmp_path: Path) -> None:
    items = make_items(tmp_path, 12)
    trials = make_trials(items, lambda item, condition, draw: float(draw.uniform(0.1, 0.9)))
    assert tabulate(trials) == tabulate([dict(t) for t in trials])


def test_open_questions_have_no_chance_level() -> None:
    item = Item("In which order?", "dog, cat", task="order")
    base = trial(Item("x?", "a", ("a", "b"), task="order"), "audio", 0.9)
    base |= {"item": item.id, "choices": [], "order": [], "logprobs": None, "gold_shown": -1}
    row = tabulate([base])["overall"]
    assert row["chance"] is None and row["cells"]["audio"]["position"]["p"] is None
    assert row["floors"] == {"first": None, "longest": None}
