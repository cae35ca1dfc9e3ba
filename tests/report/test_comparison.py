"""Lines about compared runs, without a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from harken.report.comparison import _flipped, _left_out, _main, _scored_otherwise


def flip(name: str, to: str) -> dict[str, Any]:
    said = {"parsed": "dog", "reply": "B", "outcome": "correct"}
    return {"item": name, "to": to, "task": "t", "question": "Which?", "gold": "dog",
            "first": said, "second": said}  # fmt: skip


@pytest.mark.parametrize(("most", "shown", "more"), [(1, 1, 2), (2, 2, 1), (3, 3, 0), (9, 3, 0)])
def test_items_beyond_the_number_asked_for_are_counted(most: int, shown: int, more: int) -> None:
    (text,) = _flipped([flip(name, "better") for name in ("i1", "i2", "i3")], "audio", most)
    assert sum(f"gained i{n} (t): Which?" in text for n in (1, 2, 3)) == shown
    assert (f"… {more} more gained: --flips 3" in text) is bool(more)
    assert "lost" not in text and "0 more" not in text


def test_gained_and_lost_have_a_number_each_and_none_is_nothing() -> None:
    found = [flip("a", "better"), flip("b", "worse"), flip("c", "worse")]
    (text,) = _flipped(found, "audio", 1)
    assert "gained a" in text and "lost b" in text and "lost c" not in text
    assert "1 more lost" in text and "more gained" not in text
    assert _flipped(found, "audio", 0) == _flipped([], "audio", 5) == []


def test_requests_of_items_that_both_asked_are_left_out_too() -> None:
    """A rotation that one run alone asked leaves no item out, and is told."""
    counts = {"first": {"items": 0, "requests": 4}, "second": {"items": 0, "requests": 0}}
    (line,) = _left_out(counts)
    assert "0 items (4 requests) of first" in line


def test_audio_is_the_main_condition_wherever_it_stands() -> None:
    assert _main(["none", "audio", "swap"]) == "audio"
    assert _main(["swap", "none"]) == "swap"


def test_runs_that_were_scored_by_other_rules_are_told() -> None:
    alike = [{"settings": {"seed": 0}}, {"settings": {"seed": 1}}]
    assert _scored_otherwise(alike) == []
    (line,) = _scored_otherwise([{"settings": {"scorer": own}} for own in ("strict", "mine")])
    assert "scorer: strict, mine" in line
    (line,) = _scored_otherwise([{"settings": {"marked_by.judge": own}} for own in ("ab", None)])
    assert "judge: ab, none" in line
