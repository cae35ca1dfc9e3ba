"""Shares over an x axis as inline SVG: calibration, coverage, number of clips, cuts of clips.

Drawn like `harken.report.plots`: positions in percent so that letters keep their size, colours by
class, every value escaped, one sentence for screen readers. The y axis is always 0 to 100 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from harken.report.plots import kind
from harken.report.svg import line, pct, svg, tag, text
from harken.report.words import percent

Json = Mapping[str, Any]

TOP, BASE = 14, 184
"""Pixels from the upper edge to 100 % and to 0 %."""
LEFT, RIGHT = 9.0, 98.0
"""The x axis, in percent of the width."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A share (0..1) at a place on the x axis (0..1), perhaps with an interval."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    size: float = 4.0


@dataclass(frozen=True, slots=True)
class PlotLine:
    """Dots of one colour, joined or not."""

    cls: str
    dots: Sequence[Dot]
    joined: bool = True


def chart(
    lines: Sequence[PlotLine],
    ticks: Sequence[tuple[float, str]],
    says: str,
    unit: str = "",
    under: Sequence[Markup] = (),
) -> Markup:
    """Lines of dots on a grid.

    Args:
        lines: what is drawn, the first one on top.
        ticks: (place 0..1, label) of the x axis.
        says: the sentence for screen readers.
        unit: what the x axis is, written below it.
        under: what is drawn before the lines.
    """
    parts = [line(LEFT, _y(t), RIGHT, _y(t), "grid") for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    parts += [text(LEFT - 1.2, _y(t) + 4, f"{100 * t:.0f}", "tick", "end") for t in (0.0, 0.5, 1.0)]
    parts += [text(_x(at), BASE + 16, name, "tick", "middle") for at, name in ticks]
    if unit:
        parts.append(text(_x(0.5), BASE + 34, unit, "tick", "middle"))
    parts += under
    for one in reversed(lines):
        parts += _drawn(one)
    return svg(parts, BASE + (40 if unit else 22), says)


def level(share: float, cls: str, name: str) -> list[Markup]:
    """A horizontal line across the chart, named at its right end."""
    y = _y(share)
    return [line(LEFT, y, RIGHT, y, cls), text(RIGHT, y - 4, name, "tick", "end")]


def _x(at: float) -> float:
    return LEFT + 2 + (RIGHT - LEFT - 4) * min(max(at, 0.0), 1.0)


def _y(share: float) -> float:
    return BASE - (BASE - TOP) * min(max(share, 0.0), 1.0)


def _drawn(own: PlotLine) -> list[Markup]:
    parts = []
    dots = sorted(own.dots, key=lambda dot: dot.x)
    if own.joined:
        parts += [
            line(_x(a.x), _y(a.y), _x(b.x), _y(b.y), f"trace l-{own.cls}")
            for a, b in pairwise(dots)
        ]
    for dot in dots:
        x, y = _x(dot.x), _y(dot.y)
        if dot.low is not None and dot.high is not None:
            parts.append(line(x, _y(dot.low), x, _y(dot.high), f"reach l-{own.cls}"))
        if dot.size:
            parts.append(tag("circle", cx=pct(x), cy=y, r=dot.size, cls=f"c-{own.cls}"))
    return parts


_TENTHS = [(at / 4, f"{25 * at}") for at in range(5)]


def reliability(cells: Mapping[str, Json]) -> Markup:
    """Accuracy over confidence, one dot per bin (larger: more answers), and the diagonal."""
    diagonal = [line(_x(0.0), _y(0.0), _x(1.0), _y(1.0), "chance")]
    lines = []
    for name, own in cells.items():
        most = max(n for _, _, n in own["bins"])
        dots = [Dot(x, y, size=3 + 6 * (n / most) ** 0.5) for x, y, n in own["bins"]]
        lines.append(PlotLine(kind(name), dots))
    values = ", ".join(f"{name}: ECE {percent(own['ece'])}" for name, own in cells.items())
    return chart(
        lines, _TENTHS, f"Right over confidence: {values}", "confidence, percent", diagonal
    )


def coverage(cells: Mapping[str, Json]) -> Markup:
    """Accuracy over the share of answers kept, the most confident first."""
    lines = [
        PlotLine(kind(name), [Dot(x, y, size=2.5) for x, y in own["curve"]])
        for name, own in cells.items()
    ]
    values = ", ".join(
        f"{name}: {percent(own['curve'][0][1])} to {percent(own['curve'][-1][1])}"
        for name, own in cells.items()
    )
    return chart(
        lines, _TENTHS, f"Right over coverage: {values}", "most confident answers kept, percent"
    )


def by_clips(rows: Mapping[str, Sequence[Json]]) -> Markup:
    """Accuracy over the number of clips, one line per condition."""
    numbers = sorted({row["clips"] for own in rows.values() for row in own})
    place = {n: at / max(len(numbers) - 1, 1) for at, n in enumerate(numbers)}
    shift = {name: 0.012 * (at - (len(rows) - 1) / 2) for at, name in enumerate(rows)}
    lines = [
        PlotLine(
            kind(name),
            [
                Dot(place[row["clips"]] + shift[name], row["accuracy"], row["low"], row["high"])
                for row in own
            ],
        )
        for name, own in rows.items()
    ]
    values = "; ".join(
        f"{name}: " + ", ".join(f"{percent(row['accuracy'])} of {row['clips']}" for row in own)
        for name, own in rows.items()
    )
    ticks = [(place[n], str(n)) for n in numbers]
    return chart(
        lines, ticks, f"Right answers by number of clips: {values}", "clips in the question"
    )


def fragments(own: Json, chance: float | None) -> Markup:
    """Accuracy with one cut of each clip, by its position, against the whole clip and chance."""
    cuts = own["of"]
    dots = [
        Dot((row["position"] - 0.5) / cuts, row["accuracy"], row["low"], row["high"])
        for row in own["positions"]
        if row["accuracy"] is not None
    ]
    under: list[Markup] = []
    if own["whole"] is not None:
        under += level(own["whole"], "trace l-audio", f"whole {percent(own['whole'])}")
    if chance is not None:
        under += level(chance, "chance", f"chance {percent(chance)}")
    ticks = [((k - 0.5) / cuts, f"{k} of {cuts}") for k in range(1, cuts + 1)]
    values = ", ".join(f"{row['position']}: {percent(row['accuracy'])}" for row in own["positions"])
    says = f"Right answers with one cut of {cuts}: {values}; whole {percent(own['whole'])}"
    return chart([PlotLine("fragment", dots, False)], ticks, says, "audible cut", under)
