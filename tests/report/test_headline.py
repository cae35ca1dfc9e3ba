"""The headline: the same columns for every table, and what it must beat."""

from __future__ import annotations

from typing import Any

import pytest

from harken.evaluate.results import tabulate
from harken.item import Item
from harken.report.headline import hardest, headline, main_condition, widest
from scored_records import record

ITEMS = [
    Item(f"{i}?", "a", ("a", "b", "c", "d"), task=f"t{i % 2}", recordings=(f"r{i}",))
    for i in range(16)
]


def results(**right: int) -> dict[str, Any]:
    """Results in which the first so many items are right under each condition."""
    return tabulate(
        [
            record(item, condition.replace("_", "-"), 0.9 if at < count else 0.1)
            for condition, count in right.items()
            for at, item in enumerate(ITEMS)
        ]
    )


def texts(found: dict[str, Any], row: dict[str, Any] | None = None) -> dict[str, str]:
    return {column.name: column.text.replace("\u00a0", " ") for column in headline(found, row)}


def test_every_column_is_there_and_absent_ones_have_a_dash() -> None:
    found = results(audio=12, none=4, swap=8)
    shown = texts(found)
    assert list(shown) == [
        "items", "score", "95 % interval", "chance", "text-only floor", "none", "silence", "swap",
        "transcript", "audio gain", "p", "unparsable", "abstained", "failed",
    ]  # fmt: skip
    assert (shown["score"], shown["none"], shown["swap"]) == ("75.0 %", "25.0 %", "50.0 %")
    assert shown["silence"] == shown["transcript"] == shown["text-only floor"] == "–"
    assert (shown["unparsable"], shown["failed"], shown["chance"]) == ("0.0 %", "0", "25.0 %")
    assert list(texts(found, found["tasks"][0])) == list(shown)


def test_the_gain_is_over_the_hardest_control_with_its_largest_p() -> None:
    found = results(audio=12, none=4, swap=8)
    name, gain, p = hardest(found["overall"])
    # 8 flips over none: p = 2 / 2^8. 4 over swap: p = 2 / 2^4.
    assert (name, gain["difference"]) == ("swap", 0.25) and p == pytest.approx(2 / 2**4)
    column = {c.name: c for c in headline(found)}["audio gain"]
    assert (column.text, column.small) == ("+25.0", "over swap")


def test_a_transcript_is_no_control_without_sound() -> None:
    assert hardest(results(audio=12, none=4, transcript=12)["overall"])[0] == "none"
    assert hardest(results(audio=12, transcript=2)["overall"]) == ("", {}, None)


def test_the_text_only_floor_is_known_for_all_tasks_together() -> None:
    found = results(audio=12, none=4) | {"blind": {"name": "linear", "accuracy": 0.41}}
    column = {c.name: c for c in headline(found)}["text-only floor"]
    assert (column.text, column.small) == ("41.0\u00a0%", "linear")
    assert texts(found, found["tasks"][0])["text-only floor"] == "–"


def test_a_run_without_audio_uses_the_first_condition() -> None:
    found = results(none=8)
    assert main_condition(found) == "none"
    assert texts(found)["score"] == "50.0 %" and texts(found)["audio gain"] == "–"


def test_the_wider_interval_is_shown() -> None:
    cell = {"low": 0.3, "high": 0.5, "cluster_low": 0.2, "cluster_high": 0.5}
    assert widest(cell) == (0.2, 0.5)
    assert widest({"low": 0.3, "high": 0.5}) == (0.3, 0.5)  # a run of an older version
    assert widest({}) == (None, None)
