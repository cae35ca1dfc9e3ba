"""Plots over steps hold their values, with bands where there are intervals."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.report.step_plot import BASE, LEFT, RIGHT, TOP, StepLine, StepValue, step_plot

FINITE = st.floats(-1e6, 1e6)


def root_of(*lines: StepLine, **more: object) -> ET.Element:
    return ET.fromstring(step_plot(lines, "values", **more))  # type: ignore[arg-type]


def test_dots_are_where_their_values_are() -> None:
    line = StepLine("a", "swap", [StepValue(0, 0.0), StepValue(50, 0.5), StepValue(100, 1.0)])
    root = root_of(line, bounds=(0.0, 1.0))
    dots = root.findall("circle")
    assert [float(dot.get("cx", "").rstrip("%")) for dot in dots] == [
        LEFT,
        (LEFT + RIGHT) / 2,
        RIGHT,
    ]
    assert [float(dot.get("cy", "")) for dot in dots] == [BASE, (BASE + TOP) / 2, TOP]
    texts = [node.text for node in root.findall("text")]
    assert {"0", "0.5", "1", "step 0", "100"} <= set(texts)
    assert root.get("aria-label") == "values over 100 steps: a 0 to 1"


def test_a_band_needs_two_intervals_and_is_as_wide_as_they_are() -> None:
    known = StepLine("a", "swap", [StepValue(0, 1.0, 0.0, 2.0), StepValue(10, 1.0, 0.5, 1.5)])
    (polygon,) = root_of(known, bounds=(0.0, 2.0)).iter("polygon")
    assert polygon.get("points") == "0.00,0.00 100.00,25.00 100.00,75.00 0.00,100.00"
    alone = StepLine("a", "swap", [StepValue(0, 1.0, 0.0, 2.0), StepValue(10, 1.0)])
    assert not list(root_of(alone).iter("polygon"))


def test_lines_without_values_are_not_drawn() -> None:
    assert step_plot([StepLine("a", "swap", [])], "values") == ""
    root = root_of(StepLine("a", "swap", []), StepLine("b", "audio", [StepValue(3, 2.0)]))
    assert len(list(root.iter("polyline"))) == 1


@given(st.lists(st.tuples(FINITE, FINITE, FINITE), min_size=1, max_size=30), st.booleans())
def test_everything_stays_within_the_axis(rows: list[tuple[float, ...]], zero: bool) -> None:
    values = [StepValue(at, b, *sorted((a, c))) for at, (a, b, c) in enumerate(rows)]
    root = root_of(StepLine("x<>&", "audio", values), zero=zero, level=(0.1, "least"))
    for dot in root.findall("circle"):
        assert TOP - 1e-3 <= float(dot.get("cy", "")) <= BASE + 1e-3
    for one in [*root.iter("polyline"), *root.iter("polygon")]:
        for pair in one.get("points", "").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 100 and 0 <= y <= 100


def test_stages_and_levels_are_named() -> None:
    line = StepLine("a", "swap", [StepValue(0, 0.0), StepValue(10, 1.0)])
    stages = [(0.0, "align"), (4.0, "sft")]
    texts = [n.text for n in root_of(line, level=(0.25, "least"), stages=stages).findall("text")]
    assert {"align", "sft", "least"} <= set(texts)
    assert "sft" not in [n.text for n in root_of(line, stages=stages[:1]).findall("text")]
    flat = root_of(StepLine("a", "swap", [StepValue(5, 0.0)]))
    assert float(flat.findall("circle")[0].get("cx", "").rstrip("%")) == pytest.approx(
        (LEFT + RIGHT) / 2
    )
