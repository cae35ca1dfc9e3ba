"""The few kinds of SVG element that plots are made of; every value is escaped here.

Positions are in percent of the width, so letters keep their size whatever the width.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape


def tag(name: str, inside: str = "", **attributes: object) -> Markup:
    """One element; underscores in names become dashes, ``cls`` becomes ``class``."""
    parts = [
        Markup(' {}="{}"').format(
            key.replace("cls", "class").replace("_", "-"),
            f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else value,
        )
        for key, value in attributes.items()
    ]
    body = inside if isinstance(inside, Markup) else escape(inside)
    return Markup("<{}{}>{}</{}>").format(Markup(name), Markup("").join(parts), body, Markup(name))


def svg(parts: Sequence[Markup], height: int, says: str) -> Markup:
    """A plot of full width and `height` pixels, with `says` as its accessible label."""
    body = tag("title", says) + Markup("").join(parts)
    return tag("svg", body, width="100%", height=height, role="img", aria_label=says, cls="plot")


def pct(position: float) -> str:
    """``12.5`` -> ``12.50%``."""
    return f"{position:.2f}%"


def text(x: float, y: float, words: str, cls: str = "", anchor: str = "start") -> Markup:
    """Text at x percent and y pixels."""
    return tag("text", words, x=pct(x), y=y, cls=cls, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, cls: str) -> Markup:
    """A line; x in percent, y in pixels."""
    return tag("line", x1=pct(x1), y1=y1, x2=pct(x2), y2=y2, cls=cls)
