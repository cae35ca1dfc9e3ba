"""A plot of the page as a file of its own: fixed width, colours and sizes written on each element.

On the page a plot fills the width it gets and takes its colours from the style sheet. Other
programs (LaTeX, Inkscape, converters to PDF) need numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from markupsafe import Markup

from harken.report.outline import Node, PagePlot
from harken.report.svg import tag
from harken.report.words import short

WIDTH = 720.0
_NAME, _NUMBER = 170.0, 60.0  # columns of a plot in rows
_FONT = "Helvetica, Arial, sans-serif"
_KEPT = ("fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity",
         "font-size", "font-weight")  # fmt: skip
_NAMES = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
"""Attributes whose capitals HTML loses."""
_ACROSS = ("x", "x1", "x2", "cx", "width")


def standalone(plot: PagePlot) -> str:
    """The SVG file of a plot, with its title and legend."""
    body: list[Markup] = [_text(0, 14, plot.title, size=14, weight="600")]
    y = 26.0
    x = 0.0
    for cls, name in plot.legend:
        wide = 30 + 7.4 * len(name)
        if x and x + wide > WIDTH:
            x, y = 0.0, y + 18
        body.append(
            tag(
                "rect",
                x=x,
                y=y,
                width=11,
                height=11,
                fill=_style(("rect", cls)).get("fill", "#000"),
            )
        )
        body.append(_text(x + 16, y + 10, name))
        x += wide
    y += 26 if plot.legend else 4
    for name, node, number in plot.rows:
        height = float(node.attributes["height"])
        left, wide = (_NAME, WIDTH - _NAME - _NUMBER) if len(plot.rows) > 1 else (0.0, WIDTH)
        if name:
            body.append(_text(0, y + height / 2 + 4, short(name, 26), weight="600"))
        if number:
            body.append(_text(WIDTH, y + height / 2 + 4, number, weight="600", anchor="end"))
        inside = Markup("").join(_drawn(one, wide) for one in node.elements())
        body.append(tag("g", inside, transform=f"translate({left:g} {y:g})"))
        y += height
    paper = tag("rect", x=0, y=0, width=WIDTH, height=y + 4, fill=_colours()["paper"])
    drawn = tag(
        "svg",
        paper + Markup("").join(body),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=y + 4,
        viewBox=f"0 0 {WIDTH:g} {y + 4:g}",
        font_family=_FONT,
        font_size=12,
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawn}\n'


def _text(
    x: float, y: float, words: str, size: int = 12, weight: str = "normal", anchor: str = "start"
) -> Markup:
    return tag("text", words, x=x, y=y, fill=_colours()["ink"], font_size=size, font_weight=weight,
               text_anchor=anchor)  # fmt: skip


def _drawn(node: Node, wide: float) -> Markup:
    """An element with its positions in pixels and its style written out."""
    attributes: dict[str, object] = {}
    for name, value in node.attributes.items():
        if name in ("class", "role", "aria-label", "aria-hidden"):
            continue
        share = re.fullmatch(r"(-?[\d.]+)%", value)
        if share and name in _ACROSS:
            attributes[name] = round(float(share[1]) * wide / 100, 2)
        else:
            attributes[_NAMES.get(name, name)] = value
    style = _style((node.name, node.attributes.get("class", "")))
    attributes = {**style, **attributes}
    # A nested plot has its own coordinates, in which nothing is a share of the width.
    inside = Markup("").join(
        Markup.escape(one) if isinstance(one, str) else _drawn(one, wide) for one in node.inside
    )
    return tag(node.name, inside, **attributes)


@cache
def _style(kind: tuple[str, str]) -> Mapping[str, str]:
    """What the page's style sheet says of an element of a name and classes."""
    name, classes = kind[0], set(kind[1].split())
    found: dict[str, str] = {}
    for selector, declared in _rules():
        wanted = selector.removeprefix("svg ").strip()
        element, *needed = wanted.split(".")
        if (element in ("", name)) and (element or needed) and set(needed) <= classes:
            found |= declared
    return found


@cache
def _rules() -> Sequence[tuple[str, Mapping[str, str]]]:
    """(selector, declarations) of every rule for elements of plots, in order."""
    css = re.sub(r"/\*.*?\*/", "", _css(), flags=re.DOTALL)
    css = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", css)
    found = []
    for selectors, block in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        pairs = (part.split(":", 1) for part in block.split(";") if ":" in part)
        own = {name.strip(): _value(value) for name, value in pairs if name.strip() in _KEPT}
        for selector in selectors.split(","):
            if own and re.fullmatch(r"(svg )?(text|(\.[\w-]+)+)", selector.strip()):
                found.append((selector.strip(), own))
    return found


def _value(text: str) -> str:
    return re.sub(r"var\(--([\w-]+)\)", lambda m: _colours().get(m[1], m[0]), text.strip())


@cache
def _colours() -> Mapping[str, str]:
    """The colours of the light page by name."""
    first = _css().partition("}")[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]+)", first))


@cache
def _css() -> str:
    return resources.files("harken.report").joinpath("report.css").read_text("utf-8")
