"""The regression card for people: a table for the terminal, and sentences on what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import harken.report.words as words
from harken.report.terminal import add_row, new_table, shown

if TYPE_CHECKING:
    from rich.table import Table

Json = Mapping[str, Any]

HEADS = ("measure", "items", "before", "after", "change", "95 % interval", "p (Holm)", "result")
"""Columns beside the skill."""

ABOUT = (
    "right: closed-ended items, most probable choice; word errors: of open-ended answers, per true "
    "word; loss: nats per answer token. Changes in points, of the loss in nats; paired by item, "
    "interval and exact p by recording, p corrected over the skills."
)


def card_text(card: Json, width: int | None = None) -> str:
    """The card for the terminal."""
    table = new_table("skill", *HEADS, tight=True)
    before = ""
    for skill, *cells in rows(card):
        add_row(table, "" if skill == before else skill, *cells)
        before = skill
    parts: list[Table | str] = [verdict(card), table, ABOUT]
    parts += [f"gained: {line}" for line in map(in_words, found(card, "better"))]
    parts += [f"forgotten: {line}" for line in map(in_words, found(card, "worse"))]
    return shown(parts, width)


def verdict(card: Json) -> str:
    """What became of the skills, in two or three sentences."""
    worse, better = (_skills(card, change) for change in ("worse", "better"))
    text = f"Regression card over {words.count(card['items'])} of {card['source']}: "
    text += f"gained in {_listed(better)}; " if better else "no gain is shown; "
    text += f"forgotten in {_listed(worse)}." if worse else "no forgetting is shown."
    mixed = [name for name in worse if name in better]
    if mixed:
        text += f" In {_listed(mixed)}, one measure rose and another fell: see the table."
    absent = card["not_measured"]
    return text + (f" Not measured, for lack of items: {_listed(absent)}." if absent else "")


def found(card: Json, change: str) -> list[Json]:
    """The measures that changed so, each with the name of its skill."""
    return [
        {"skill": skill["skill"], **row}
        for skill in card["skills"]
        for row in skill["measures"]
        if row["change"] == change
    ]


def rows(card: Json) -> list[tuple[str, ...]]:
    """A row for each skill and measure: the skill, then `HEADS`."""
    return [
        (
            skill["skill"],
            row["measure"],
            f"{row['items']:,}",
            value(row, row["before"]),
            value(row, row["after"]),
            signed(row, row["difference"]),
            interval(row),
            words.p_value(row["p_holm"]),
            row["change"],
        )
        for skill in card["skills"]
        for row in skill["measures"]
    ]


def in_words(row: Json) -> str:
    """``text-only: right 71.0 % → 48.0 % (−23.0 points, −35.0 to −11.0, p = 0.002, 60 items)``."""
    unit = "nats" if row["measure"] == "loss" else "points"
    return (
        f"{row['skill']}: {row['measure']} {value(row, row['before'])} → "
        f"{value(row, row['after'])} ({signed(row, row['difference'])} {unit}, {interval(row)}, "
        f"{words.p_clause(row['p_holm'])}, {words.count(row['items'])})"
    )


def value(row: Json, number: float) -> str:
    """A share in percent, or a loss in nats."""
    return f"{number:.2f}" if row["measure"] == "loss" else words.percent(number)


def signed(row: Json, number: float | None) -> str:
    """A change in points, or in nats."""
    return words.signed(number) if row["measure"] == "loss" else words.points(number)


def interval(row: Json) -> str:
    """The 95 % interval of a change; a dash where there is none."""
    if row["low"] is None:
        return "–"
    return f"{signed(row, row['low'])} to {signed(row, row['high'])}"


def _skills(card: Json, change: str) -> list[str]:
    return list(dict.fromkeys(row["skill"] for row in found(card, change)))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
