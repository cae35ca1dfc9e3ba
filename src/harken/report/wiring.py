"""The wiring of a model as text for the terminal, and as an SVG file.

Audio comes in at the top, text beside it; every box is a part with its sizes. What is frozen has a
dashed outline (in text: the word). All words are escaped by `harken.report.svg`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from markupsafe import Markup

from harken.report.svg import tag
from harken.report.systems import amount
from harken.report.words import short

_BOX, _GAP, _LINE, _PAD = 250.0, 24.0, 17.0, 14.0
_FONT = "Helvetica, Arial, sans-serif"


def box_lines(part: Mapping[str, Any]) -> list[str]:
    """What a box says below its title."""
    trained, total = int(part["trained"]), int(part["total"])
    state = "frozen" if not trained else "trained" if trained == total else "partly trained"
    if part["adapters"]:
        state = f"adapters, {amount(trained)} trained" if trained else "adapters, frozen"
    return [*part["lines"], f"{amount(total)} parameters, {state}"]


def entrance(found: Mapping[str, Any]) -> str:
    """Where audio goes in: words, layers, tokens a second."""
    layers = found["layers"]
    which = f" {numbers(layers)}" if layers else ""
    return f"{found['tokens_s']:.4g} tokens a second, {found['enters']}{which}"


def numbers(layers: Sequence[int]) -> str:
    """``0 to 23``, or ``1, 3, 5``: the layers in words."""
    if len(layers) > 2 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"{layers[0]} to {layers[-1]}"
    return ", ".join(map(str, layers))


def wiring_text(found: Mapping[str, Any]) -> str:
    """The drawing for a terminal."""
    lines = [str(found["name"]), "", "  audio, 16 kHz"]
    *before, lm = found["parts"]
    for place, part in enumerate(before):
        beside = part["group"] == "audio_encoder" and place > 0
        lines.append("    +  (side by side)" if beside else "    │")
        lines += _boxed(part)
    lines += ["    │", f"    │  {entrance(found)}", "    ▼"]
    lines += _boxed(lm, "◄── text")
    lines += ["    │", "    ▼", "  text", ""]
    lines.append(f"{found['total']:,} parameters, {found['trained']:,} trained")
    if found["frozen"]:
        lines.append(f"frozen: {', '.join(found['frozen'])}")
    if found["adapters"]:
        lines.append(f"adapters: {found['adapters']}")
    lines += [f"differs from the published model: {one}" for one in found["departures"]]
    return "\n".join(lines)


def _boxed(part: Mapping[str, Any], beside: str = "") -> list[str]:
    inside = [f"{part['group']}: {part['title']}", *box_lines(part)]
    wide = max(len(line) for line in inside)
    rows = [f"  │ {line.ljust(wide)} │" for line in inside]
    if beside:
        rows[0] += f" {beside}"
    return [f"  ┌{'─' * (wide + 2)}┐", *rows, f"  └{'─' * (wide + 2)}┘"]


def wiring_svg(found: Mapping[str, Any]) -> str:
    """The drawing as an SVG file."""
    encoders = [part for part in found["parts"] if part["group"] == "audio_encoder"]
    others = [part for part in found["parts"] if part["group"] != "audio_encoder"]
    rows = [encoders, *[[part] for part in others]]
    width = max(2 * _BOX + _GAP, len(encoders) * (_BOX + _GAP) - _GAP) + 2 * _PAD
    body = [_words(_PAD, 20, str(found["name"]), size=15, bold=True)]
    centre, y = width / 2, 52.0
    body += [_words(centre, y - 10, "audio, 16 kHz", anchor="middle")]
    for place, row in enumerate(rows):
        high = max(_height(part) for part in row)
        left = centre - (len(row) * (_BOX + _GAP) - _GAP) / 2
        for at, part in enumerate(row):
            body += _drawn(part, left + at * (_BOX + _GAP), y, high)
        y += high
        if place == len(rows) - 2:  # into the language model
            told = wrap(entrance(found), 44)
            deep = 22.0 + 14 * len(told)
            body += [_arrow(centre, y, y + deep)]
            body += [
                _words(centre + 10, y + 20 + 14 * number, line, size=11)
                for number, line in enumerate(told)
            ]
            y += deep
        elif place < len(rows) - 1:
            body += [_arrow(centre, y, y + 22)]
            y += 22
    side = centre + _BOX / 2
    body += [_words(side + 30, y - high / 2 + 4, "text"), _line(side + 26, y - high / 2, side)]
    counted = f"{found['total']:,} parameters, {found['trained']:,} trained"
    body += [_words(_PAD, y + 30, counted, size=12)]
    y += 44
    return str(
        tag(
            "svg",
            Markup("").join([tag("title", str(found["name"])), *body]),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {width:g} {y:g}",
            width=width,
            height=y,
            font_family=_FONT,
        )
    )


def _height(part: Mapping[str, Any]) -> float:
    return _LINE * (1 + len(box_lines(part))) + 2 * _PAD - 6


def _drawn(part: Mapping[str, Any], x: float, y: float, high: float) -> list[Markup]:
    dashes = {} if part["trained"] else {"stroke_dasharray": "5 4"}
    frame = tag(
        "rect", x=x, y=y, width=_BOX, height=high, rx=6, fill="#f5f7fa", stroke="#34495e", **dashes
    )
    title = f"{part['group']}: {part['title']}"
    lines = [_words(x + _PAD, y + _PAD + 8, short(title, 34), bold=True)]
    for number, line in enumerate(box_lines(part), 1):
        lines.append(_words(x + _PAD, y + _PAD + 8 + number * _LINE, short(line, 42), size=11))
    return [frame, *lines]


def _words(
    x: float, y: float, words: str, *, size: int = 13, bold: bool = False, anchor: str = "start"
) -> Markup:
    weight = {"font_weight": "600"} if bold else {}
    return tag(
        "text", words, x=x, y=y, font_size=size, text_anchor=anchor, fill="#1b2631", **weight
    )


def _arrow(x: float, top: float, bottom: float) -> Markup:
    head = f"M {x:g} {top:g} V {bottom - 6:g} m -4 0 l 4 6 l 4 -6 z"
    return tag("path", d=head, stroke="#34495e", fill="#34495e")


def _line(x1: float, y: float, x2: float) -> Markup:
    head = f"M {x1:g} {y:g} H {x2 + 6:g} m 0 -4 l -6 4 l 6 4 z"
    return tag("path", d=head, stroke="#34495e", fill="#34495e")
