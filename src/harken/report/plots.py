"""Plots as inline SVG that fits any width: positions in percent, sizes in pixels, colours by class.

No viewBox is used for text, so letters keep their size on a phone; colours come from the page's
style sheet (``c-audio``, ``o-correct`` …), so they follow light and dark. Every value is inserted
by `harken.report.svg.tag`, which escapes it. Each plot carries one sentence for screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from harken.report.svg import line, pct, svg, tag, text
from harken.report.words import percent, points, signed

Json = Mapping[str, Any]

LEFT = 22.0
"""Where a plot's scale starts, in percent of its width; names are to the left."""
RIGHT = 86.0
"""Where it ends; numbers are to the right."""


def _at(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Position of a value on the scale, in percent of the plot's width."""
    return LEFT + (RIGHT - LEFT) * (min(max(value, low), high) - low) / (high - low)


def condition_bars(row: Json, conditions: Sequence[str], name: str) -> Markup:
    """One task: a bar for each condition, its 95 % Wilson interval, and the chance line."""
    pitch, top = 20, 16
    height = top + pitch * len(conditions) + 4
    parts: list[Markup] = []
    for at, condition in enumerate(conditions):
        cell = row["cells"].get(condition)
        y = top + at * pitch
        parts.append(text(0, y + 11, condition, "name"))
        if cell is None or cell["accuracy"] is None:
            parts.append(text(LEFT, y + 11, "no answers", "quiet"))
            continue
        start, end = _at(0), _at(cell["accuracy"])
        parts.append(
            tag(
                "rect",
                x=pct(start),
                y=y,
                width=pct(end - start),
                height=14,
                rx=2,
                cls=f"c-{kind(condition)}",
            )
        )
        low, high = _at(cell["low"]), _at(cell["high"])
        parts.append(line(low, y + 7, high, y + 7, "whisker"))
        parts += [line(x, y + 4, x, y + 10, "whisker") for x in (low, high)]
        parts.append(text(100, y + 11, f"{100 * cell['accuracy']:.1f}", "number", "end"))
    if row["chance"] is not None:
        x = _at(row["chance"])
        parts.append(line(x, top - 4, x, height - 4, "chance"))
        parts.append(text(x, 8, f"chance {round(100 * row['chance'], 1):g}", "tick", "middle"))
    values_text = ", ".join(
        f"{c} {percent(row['cells'][c]['accuracy'])}" for c in conditions if c in row["cells"]
    )
    return svg(parts, height, f"{name}: right answers by condition: {values_text}")


KINDS = ("audio", "none", "silence", "swap", "clip", "fragment", "transcript", "caption")
"""Conditions that have a colour of their own in the style sheet; all others share one."""


def kind(condition: str) -> str:
    """The colour class of a condition: ``clips-1+3`` is of the kind ``clip``."""
    found = condition.split("-")[0].removesuffix("s")
    return found if found in KINDS else "other"


def before_after(rows: Sequence[Json]) -> Markup:
    """A dumbbell for each task: accuracy with audio before (ring) and after (dot)."""
    lines = [("", _axis([(_near(t), f"{100 * t:.0f}") for t in _QUARTERS]), "")]
    for row in rows:
        old, new = row["a"], row["b"]
        if old is None or new is None:
            lines.append((row["task"], Markup(""), "not paired"))
            continue
        kind = "up" if new >= old else "down"
        x1, x2 = _near(old), _near(new)
        parts = [line(_near(t), 0, _near(t), 26, "grid") for t in _QUARTERS]
        parts.append(line(x1, 13, x2, 13, f"move {kind}"))
        parts.append(tag("circle", cx=pct(x1), cy=13, r=5, cls="ring"))
        parts.append(tag("circle", cx=pct(x2), cy=13, r=6, cls=f"dot {kind}"))
        says = f"{row['task']}: {percent(old)} before, {percent(new)} after"
        lines.append((row["task"], svg(parts, 26, says), points(new - old)))
    return _rows(lines)


def run_dots(
    rows: Sequence[tuple[str, Sequence[float | None]]], names: Sequence[str], colours: Sequence[str]
) -> Markup:
    """One line per task with a dot for every run; a run without answers has none.

    Args:
        rows: task, and the accuracy of each run.
        names: of the runs, for screen readers.
        colours: a colour class for each run, in turn.
    """
    lines = [("", _axis([(_near(t), f"{100 * t:.0f}") for t in _QUARTERS]), "")]
    for task, shares in rows:
        parts = [line(_near(t), 0, _near(t), 26, "grid") for t in _QUARTERS]
        known = [(at, share) for at, share in enumerate(shares) if share is not None]
        for at, share in known:
            colour = colours[at % len(colours)]
            # Runs that are equal stay visible: each has its own height.
            y = 13 + 8 * ((at + 0.5) / len(shares) - 0.5)
            parts.append(tag("circle", cx=pct(_near(share)), cy=y, r=4.5, cls=f"c-{colour}"))
        says = f"{task}: " + ", ".join(f"{names[at]} {percent(share)}" for at, share in known)
        lines.append((task, svg(parts, 26, says), ""))
    return _rows(lines)


def strips(rows: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """One line per name: a faint dot per value in bits, and a strong tick with the mean."""
    low, high = _bounds(np.concatenate([np.asarray(v, dtype=float) for _, v in rows]))
    ticks = _ticks(low, high, 4)
    lines = [("", _axis([(_near(t, low, high), _tick(t)) for t in ticks]), "")]
    zero = _near(0.0, low, high)
    for name, values in rows:
        mean = float(np.mean(values))
        parts = [line(zero, 0, zero, 26, "chance")]
        parts += [
            tag("circle", cx=pct(_near(value, low, high)), cy=13, r=3, cls="speck")
            for value in values
        ]
        x = _near(mean, low, high)
        parts.append(line(x, 5, x, 21, "mean"))
        says = f"{name}: mean {signed(mean)} bits over {len(values)} items"
        lines.append((name, svg(parts, 26, says), signed(mean)))
    return _rows(lines)


def counts(rows: Sequence[tuple[str, int]], below: str = "") -> Markup:
    """One bar per name, in the order given; the longest has the whole width.

    Args:
        rows: names and counts.
        below: a sentence under the bars.
    """
    most = max((count for _, count in rows), default=0) or 1
    lines = []
    for name, count in rows:
        bar = tag(
            "rect", x="0%", y=3, width=pct(100 * count / most), height=12, rx=2, cls="c-audio"
        )
        lines.append((name, svg([bar], 18, f"{name}: {count:,}"), f"{count:,}"))
    return _rows(lines) + (tag("p", below, cls="note") if below else Markup(""))


_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
FURTHEST = 8.0
"""Bits beyond this are drawn at the edge, or outliers would compress all other values."""


def _rows(lines: Sequence[tuple[str, Markup, str]]) -> Markup:
    """A grid of (name, plot, number): names are HTML text, so that they can wrap."""
    cells = [
        tag("span", name, cls="row-name") + tag("div", plot) + tag("span", number, cls="row-number")
        for name, plot, number in lines
    ]
    return tag("div", Markup("").join(cells), cls="rows")


def _axis(ticks: Sequence[tuple[float, str]]) -> Markup:
    parts = [text(x, 11, name, "tick", "middle") for x, name in ticks]
    body = Markup("").join(parts)
    return tag("svg", body, width="100%", height=16, aria_hidden="true", cls="plot")


def _near(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Position on a scale that uses the whole width but for a margin for the end labels."""
    return 3 + 94 * (min(max(value, low), high) - low) / (high - low)


def _bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    low = float(np.clip(np.floor(values.min() * 2) / 2, -FURTHEST, -0.5))
    high = float(np.clip(np.ceil(values.max() * 2) / 2, 0.5, FURTHEST))
    return low, high


def _ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round values inside the scale, zero among them."""
    step = next(s for s in (0.5, 1.0, 2.0, 4.0, 8.0) if (high - low) / s <= most)
    return [step * k for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _tick(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{abs(value):g}"


def histogram(groups: Mapping[str, Sequence[float]], unit: str) -> Markup:
    """Stacked counts by group (in the order given) over 24 bins; a line at zero.

    Values beyond `FURTHEST` are counted in the outermost bins.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in groups.items()}
    low, high = _bounds(np.concatenate(list(arrays.values())))
    edges = np.linspace(low, high, 25)
    counts = {n: np.histogram(np.clip(v, low, high), edges)[0] for n, v in arrays.items()}
    tallest = max(int(np.sum(list(counts.values()), axis=0).max()), 1)
    top, body = 20, 150
    base = top + body
    parts = [text(0, 11, f"{tallest} items", "tick"), line(0, top, 3, top, "axis")]
    for place in range(24):
        y = float(base)
        for group, count in counts.items():
            tall = body * int(count[place]) / tallest
            y -= tall
            if tall:
                x1, x2 = (_near(float(edges[place + k]), low, high) for k in (0, 1))
                wide = pct(x2 - x1 - 0.3)
                parts.append(
                    tag("rect", x=pct(x1 + 0.15), y=y, width=wide, height=tall, cls=f"g-{group}")
                )
    parts.append(line(0, base, 100, base, "axis"))
    zero = _near(0.0, low, high)
    parts.append(line(zero, top, zero, base + 4, "chance"))
    for value in _ticks(low, high):
        parts.append(text(_near(value, low, high), base + 18, _tick(value), "tick", "middle"))
    parts.append(text(50, base + 36, unit, "tick", "middle"))
    values_text = ", ".join(
        f"{len(v)} {name}, median {signed(float(np.median(v)))}"
        for name, v in arrays.items()
        if len(v)
    )
    return svg(parts, base + 42, f"Histogram of {unit}: {values_text}")


def curve(points_xy: Sequence[tuple[float, float]], name: str) -> Markup:
    """A line over training steps; first, last, lowest and highest values are written out."""
    xs, ys = np.array(points_xy, dtype=float).T
    low, high = float(ys.min()), float(ys.max())
    span = (high - low) or abs(high) or 1.0
    left = 100 * (xs - xs.min()) / ((xs.max() - xs.min()) or 1.0)
    down = 100 * (high - ys) / span if high > low else np.full_like(ys, 50.0)
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in zip(left, down, strict=True))
    trace = tag("polyline", points=path, cls="curve", vector_effect="non-scaling-stroke")
    plot = tag(
        "svg",
        trace,
        x="0%",
        y=18,
        width="100%",
        height=90,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        overflow="visible",
    )
    parts = [
        text(0, 11, f"{name} {ys[0]:.3g} → {ys[-1]:.3g}", "name strong"),
        text(100, 11, f"{low:.3g} to {high:.3g}", "tick", "end"),
        plot,
        tag("line", x1="0%", y1=112, x2="100%", y2=112, cls="axis"),
        text(0, 126, f"step {xs.min():.0f}", "tick"),
        text(100, 126, f"{xs.max():.0f}", "tick", "end"),
    ]
    return svg(parts, 130, f"{name} over {len(xs)} steps, from {ys[0]:.3g} to {ys[-1]:.3g}")
