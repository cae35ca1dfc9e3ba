"""Plots say in words what they draw, and hold their values."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.report import plots, words
from harken.report.gather import thinned

CELL = {"accuracy": 0.8, "low": 0.7, "high": 0.9}
ROW = {"task": "t", "chance": 0.25, "cells": {"audio": CELL, "none": {**CELL, "accuracy": None}}}
FINITE = st.floats(-80, 80)


def share(text: str | None) -> float:
    assert text is not None
    return float(text.rstrip("%"))


def test_bars_have_the_length_of_their_value() -> None:
    root = ET.fromstring(plots.condition_bars(ROW, ["audio", "none"], "t"))
    (bar,) = root.findall("rect")
    assert share(bar.get("width")) == pytest.approx(0.8 * (plots.RIGHT - plots.LEFT), abs=0.01)
    texts = [node.text for node in root.findall("text")]
    assert "80.0" in texts and "no answers" in texts and "chance 25" in texts


def test_other_conditions_have_a_colour() -> None:
    assert [plots.kind(c) for c in ("audio", "clip-2", "clips-1+3", "silence-30")] == [
        "audio", "clip", "clip", "silence",
    ]  # fmt: skip


@given(st.lists(FINITE, min_size=1, max_size=50), st.lists(FINITE, max_size=50))
def test_a_histogram_holds_every_value(weak: list[float], strong: list[float]) -> None:
    root = ET.fromstring(plots.histogram({"weak": weak, "strong": strong}, "bits"))
    tallest = float((root.findall("text")[0].text or "").split()[0])
    tall = sum(float(bar.get("height") or 0) for bar in root.findall("rect"))
    assert tall / 150 * tallest == pytest.approx(len(weak) + len(strong), abs=0.2)
    for bar in root.findall("rect"):
        assert 0 <= share(bar.get("x")) <= 100


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_strips_stay_inside(values: list[float]) -> None:
    root = ET.fromstring(plots.strips([("a", values), ("b", [0.0])]))
    spots = [share(c.get("cx")) for c in root.iter("circle")]
    assert len(spots) == len(values) + 1 and all(0 <= x <= 100 for x in spots)


@given(st.lists(st.tuples(st.integers(0, 999), FINITE), min_size=2, max_size=20))
def test_a_curve_is_drawn_for_any_numbers(line: list[tuple[float, float]]) -> None:
    ET.fromstring(plots.curve(line, "loss"))


def test_names_are_escaped() -> None:
    assert "<b>" not in plots.strips([("<b>x</b>", [1.0])])
    assert "<b>" not in plots.condition_bars(ROW, ["<b>"], "<b>")  # unknown: no answers


def test_thinning_keeps_the_ends_and_the_mean() -> None:
    line = [(float(i), float(i % 7)) for i in range(1000)]
    thin = thinned(line, 100)
    assert len(thin) == 100 and thin[0][0] == 0 and thin[-1] == line[-1]
    assert sum(y for _, y in thin) / 100 == pytest.approx(3.0, abs=0.2)


def gain(difference: float, low: float, high: float, p: float) -> dict[str, object]:
    return {"difference": difference, "low": low, "high": high, "p": p, "items": 9, "bits": {}}


def verdict(**gains: dict[str, object]) -> str:
    cells = {"audio": CELL, "none": CELL, "swap": CELL}
    return words.verdict({"overall": {"cells": cells, "gains": gains, "chance": 0.5}})[0]


def test_the_verdict_needs_both_the_test_and_the_interval() -> None:
    assert verdict(none=gain(0.3, 0.1, 0.5, 0.001)) == "It listens."
    assert verdict(none=gain(0.3, 0.1, 0.5, 0.2)) == "No proof that it listens."
    assert verdict(none=gain(0.1, -0.1, 0.3, 0.01)) == "No proof that it listens."
    assert verdict(none=gain(-0.3, -0.5, -0.1, 0.001)) == "The audio makes it worse."


def test_a_model_that_gains_from_any_audio_does_not_listen() -> None:
    sure, nothing = gain(0.3, 0.1, 0.5, 0.001), gain(0.01, -0.1, 0.1, 0.9)
    assert verdict(none=sure, swap=sure) == "It listens."
    assert verdict(none=sure, swap=nothing).startswith("It gains from any audio")


def test_one_reason_under_several_conditions_is_one_line() -> None:
    excluded = {"audio: too short": 3, "none: too short": 3, "clip-2: clip 2 of 1: no": 5}
    assert words.not_asked(excluded) == [
        "3 under audio, none (too short)",
        "5 under clip-2 (clip 2 of 1: no)",
    ]


def test_numbers_in_words() -> None:
    assert words.percent(0.825) == "82.5\u00a0%" and words.percent(None) == "–"
    assert words.points(-0.031) == "−3.1" and words.points(0.0) == "+0.0"
    assert words.p_value(0.0004) == "< 0.001" and words.p_value(0.0344) == "0.034"
    assert words.interval(0.1, 0.25) == "10.0–25.0"
    assert words.meaning("clips-1+3") == "only clip 1 and 3 audible, the others silenced"
