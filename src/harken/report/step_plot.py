"""Values over training steps as inline SVG: lines, interval bands, and where a stage begins.

Drawn like `harken.report.plots`: positions in percent of the width, colours by class, every value
escaped, one sentence for screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harken.report.svg import line, pct, svg, tag, text

TOP, BASE = 18, 190
"""Pixels from the upper edge to the largest and to the smallest value."""
LEFT, RIGHT = 9.0, 98.0
"""The x axis, in percent of the width."""
MOST_DOTS = 40
"""Points of a line that are marked; with more, the line alone is drawn."""


@dataclass(frozen=True, slots=True)
class StepValue:
    """A value after `step` steps, perhaps with an interval."""

    step: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class StepLine:
    """Values of one colour: a condition, or a run."""

    name: str
    cls: str
    values: Sequence[StepValue]


def step_plot(
    lines: Sequence[StepLine],
    about: str,
    *,
    bounds: tuple[float, float] | None = None,
    zero: bool = False,
    level: tuple[float, str] | None = None,
    stages: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Lines over steps, the first one on top.

    Args:
        lines: what is drawn; those without values are not.
        about: what the values are, for screen readers and above the axis.
        bounds: lowest and highest value of the axis; None: those of the values.
        zero: whether the axis includes 0, drawn as a dashed line.
        level: a further dashed line, and its name.
        stages: where each stage begins, and its name; drawn where there are several.
    """
    drawn = [one for one in lines if one.values]
    if not drawn:
        return Markup("")
    xs = [v.step for one in drawn for v in one.values]
    ticks = _ticks(*(bounds or _bounds(drawn, zero, level)))
    scale = _Scale(min(xs), max(xs), ticks[0], ticks[-1])
    parts = [line(LEFT, scale.y(t), RIGHT, scale.y(t), "grid") for t in ticks]
    parts += [text(LEFT - 1.2, scale.y(t) + 4, f"{t:g}", "tick", "end") for t in ticks]
    for value, name in [*([(0.0, "")] if zero else []), *([level] if level else [])]:
        parts.append(line(LEFT, scale.y(value), RIGHT, scale.y(value), "chance"))
        parts.append(text(RIGHT, scale.y(value) - 4, name, "tick", "end"))
    if len(stages) > 1:
        for step, name in stages:
            parts.append(line(scale.x(step), TOP, scale.x(step), BASE, "grid"))
            parts.append(text(scale.x(step) + 0.5, TOP - 5, name, "tick"))
    parts.append(_paths(drawn, scale))
    for one in reversed(drawn):
        few = one.values if len(one.values) <= MOST_DOTS else ()
        parts += [
            tag("circle", cx=pct(scale.x(v.step)), cy=scale.y(v.value), r=2.5, cls=f"c-{one.cls}")
            for v in few
        ]
    parts.append(text(LEFT, BASE + 16, f"step {scale.first:.0f}", "tick"))
    parts.append(text(RIGHT, BASE + 16, f"{scale.last:.0f}", "tick", "end"))
    ends = ", ".join(
        f"{one.name} {one.values[0].value:.3g} to {one.values[-1].value:.3g}" for one in drawn
    )
    return svg(parts, BASE + 22, f"{about} over {scale.last - scale.first:.0f} steps: {ends}")


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float
    last: float
    low: float
    high: float

    def share(self, step: float) -> float:
        """Place of a step, 0 to 1."""
        return (step - self.first) / (self.last - self.first) if self.last > self.first else 0.5

    def x(self, step: float) -> float:
        """In percent of the width."""
        return LEFT + (RIGHT - LEFT) * self.share(step)

    def y(self, value: float) -> float:
        """In pixels; values beyond the axis are drawn at its edge."""
        return BASE - (BASE - TOP) * self.down(value)

    def down(self, value: float) -> float:
        """Place of a value, 0 (lowest) to 1."""
        within = min(max(value, self.low), self.high)
        return (within - self.low) / (self.high - self.low)


def _paths(lines: Sequence[StepLine], scale: _Scale) -> Markup:
    """Bands and lines, in a plot of their own whose width is 100 whatever the page's."""

    def points(pairs: Sequence[tuple[float, float]]) -> str:
        return " ".join(
            f"{100 * scale.share(x):.2f},{100 - 100 * scale.down(y):.2f}" for x, y in pairs
        )

    parts: list[Markup] = []
    for one in reversed(lines):
        known = [v for v in one.values if v.low is not None and v.high is not None]
        if len(known) > 1:
            upper = [(v.step, float(v.high)) for v in known if v.high is not None]
            lower = [(v.step, float(v.low)) for v in reversed(known) if v.low is not None]
            parts.append(tag("polygon", points=points([*upper, *lower]), cls=f"band c-{one.cls}"))
    for one in reversed(lines):
        pairs = points([(v.step, v.value) for v in one.values])
        parts.append(
            tag(
                "polyline",
                points=pairs,
                cls=f"path l-{one.cls}",
                vector_effect="non-scaling-stroke",
            )
        )
    return tag(
        "svg",
        Markup("").join(parts),
        x=pct(LEFT),
        y=TOP,
        width=pct(RIGHT - LEFT),
        height=BASE - TOP,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        overflow="visible",
    )


def _bounds(
    lines: Sequence[StepLine], zero: bool, level: tuple[float, str] | None
) -> tuple[float, float]:
    """Lowest and highest of values and intervals; intervals count for twice the values' range."""
    values = [v.value for one in lines for v in one.values]
    values += [0.0] if zero else []
    values += [level[0]] if level else []
    low, high = min(values), max(values)
    reach = (high - low) or abs(high) or 1.0
    ends = [e for one in lines for v in one.values for e in (v.low, v.high) if e is not None]
    within = [e for e in ends if low - reach / 2 <= e <= high + reach / 2]
    return min([low, *within]), max([high, *within])


def _ticks(low: float, high: float) -> list[float]:
    """Round values around `low` and `high`, four to six of them."""
    span = (high - low) or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 4))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10) if span / (unit * m) <= 4.5)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]
