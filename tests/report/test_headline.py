"""The headline: the same columns for every table, and what it must beat."""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import Any

import pytest

import harken.report.content as content
import harken.report.words as words
from harken.evaluate.results import tabulate
from harken.item import Item
from harken.report import terminal
from harken.report.gather import LoadedRun
from harken.report.headline import headline, main_condition, widest
from harken.report.reference import reference
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
        "transcript", "audio gain", "p", "bits", "unparsable", "abstained", "failed",
    ]  # fmt: skip
    assert (shown["score"], shown["none"], shown["swap"]) == ("75.0 %", "25.0 %", "50.0 %")
    assert shown["silence"] == shown["transcript"] == shown["text-only floor"] == "–"
    assert (shown["unparsable"], shown["failed"], shown["chance"]) == ("0.0 %", "0", "25.0 %")
    assert list(texts(found, found["tasks"][0])) == list(shown)


def test_gain_p_and_bits_are_over_the_hardest_control() -> None:
    found = results(audio=12, none=4, swap=8)
    assert reference(found) == "swap"
    column = {c.name: c for c in headline(found)}
    assert (column["audio gain"].text, column["audio gain"].small) == ("+25.0", "over swap")
    assert column["p"].value == pytest.approx(2 / 2**4)  # 4 flips over swap; 8 over none
    # 4 of 16 items change from p(gold) 0.1 to 0.9: a quarter of log2 9.
    assert column["bits"].value == pytest.approx(0.25 * log2(9), abs=1e-4)


@pytest.mark.parametrize(
    ("right", "name"),
    [
        ({"audio": 12, "none": 4, "transcript": 12}, "none"),
        ({"audio": 12, "transcript": 2}, ""),
        ({"audio": 12, "none": 9, "silence": 9, "swap": 9}, "none"),  # the first of equal ones
        ({"audio": 12, "none": 2, "silence": 11, "swap": 4}, "silence"),
        ({"audio": 4, "none": 9, "swap": 4}, "none"),  # audio loses to none, surely
        ({"audio": 4, "none": 4, "swap": 12}, "swap"),
    ],
)
def test_the_reference_is_the_control_that_audio_beats_with_least_proof(
    right: dict[str, int], name: str
) -> None:
    assert reference(results(**right)) == name


def test_a_smaller_gain_that_is_surer_is_not_the_hardest() -> None:
    """Over silence 4 gain and none loses; over swap 8 gain and 3 lose: more, and less sure."""
    audio, silence = range(12), range(8)
    swap = [*range(4), 12, 13, 14]
    found = tabulate(
        [
            record(item, condition, 0.9 if at in right else 0.1)
            for condition, right in (("audio", audio), ("silence", silence), ("swap", swap))
            for at, item in enumerate(ITEMS)
        ]
    )
    gains = found["overall"]["gains"]
    assert gains["silence"]["difference"] < gains["swap"]["difference"]
    assert gains["silence"]["p"] == pytest.approx(2 / 2**4)
    assert gains["silence"]["p"] < gains["swap"]["p"]
    assert reference(found) == "swap"


@pytest.mark.parametrize(
    ("right", "verdict"),
    [
        ({"audio": 15, "none": 4, "swap": 4}, "It listens."),
        ({"audio": 15, "none": 2, "swap": 14}, "It gains from any audio, not from the item's own."),
        ({"audio": 15, "none": 2, "silence": 14}, "It gains over none, not over silence."),
        ({"audio": 5, "none": 4, "swap": 4}, "No proof that it listens."),
        ({"audio": 2, "none": 14, "swap": 14}, "The audio makes it worse."),
    ],
)
def test_verdict_and_all_headline_figures_are_over_one_named_control(
    right: dict[str, int], verdict: str
) -> None:
    found = results(**right)
    name = reference(found)
    short, numbers = words.verdict(found)
    assert short == verdict
    assert f"a paired gain over {name} of" in numbers and "under " + name in numbers
    loaded = LoadedRun(Path("run"), {"model": "m"}, found, [])
    figures = {one["name"]: one["value"] for one in content.headline(loaded, None, ())["figures"]}
    gain = found["overall"]["gains"][name]
    assert figures[f"gain of audio over {name}"] == words.points(gain["difference"])
    assert figures[f"contribution of the audio over {name}"] == words.signed(gain["bits"]["mean"])
    assert not any(f"over {other}" in figure for figure in figures
                   for other in set(right) - {"audio", name})  # fmt: skip
    shown = terminal.results(found, width=110)
    assert f"Audio gain and p: over {name}" in shown and f"Over {name}, the audio adds" in shown


def test_every_row_of_the_headline_has_the_same_reference() -> None:
    found = results(audio=12, none=4, swap=8)
    for row in (found["overall"], *found["tasks"]):
        small = {c.name: c.small for c in headline(found, row)}["audio gain"]
        assert small == "over swap"


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


@pytest.mark.parametrize(
    ("gains", "hardest"),
    [
        ({"none": (0.3, 0.01), "swap": (0.1, 0.2)}, "swap"),
        ({"none": (0.3, 0.01), "swap": (None, None)}, "none"),  # paired with nothing
        ({"none": (None, None)}, ""),
        ({"none": (0.3, 0.01), "swap": (-0.1, 0.01)}, "swap"),  # shown to be worse
        ({"none": (-0.2, 0.5), "swap": (0.0, 1.0)}, "none"),
        ({"swap": (0.2, 0.05), "none": (0.2, 0.05)}, "none"),  # the first of equal ones
    ],
)
def test_the_hardest_control_by_hand(
    gains: dict[str, tuple[float | None, float | None]], hardest: str
) -> None:
    row = {"gains": {name: {"difference": d, "p": p} for name, (d, p) in gains.items()}}
    assert reference({"overall": row}) == hardest
