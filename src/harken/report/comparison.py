"""Comparisons of runs as tables for the terminal: two with their flipped items, more side by side.

Interval and p are of one inference: both take recordings, not items, as independent
(`harken.stats.paired`). McNemar's p over items is shown beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import harken.report.words as words
from harken.report.terminal import add_row, new_table, shown

if TYPE_CHECKING:
    from rich.table import Table

Json = Mapping[str, Any]
_HEADS = ("paired", "{}", "{}", "change", "95 % interval", "p (Holm)", "McNemar", "gained", "lost")
_SAID = 60  # letters of a reply
_NOTE = (
    "Change, interval and p by recording (items of one recording count together); McNemar: p by "
    "item, which takes items of one recording as independent."
)


def two(found: Json, width: int | None = None, flips: int = 5) -> str:
    """Two runs, second minus first: task by task with audio, all tasks under every condition.

    Args:
        found: as from `harken.evaluate.compare.compare`.
        width: columns; default: the terminal's.
        flips: items to print that gained, and that lost, under the main condition.
    """
    parts: list[Table | str] = [
        f"first: {found['first']['label']}\nsecond: {found['second']['label']}\n"
        f"{found['items']:,} items"
    ]
    parts += _scored_otherwise([found["first"], found["second"]])
    parts += _left_out(found["left_out"])
    rows = found["conditions"]
    main = _main(list(rows))
    parts.append(_changes(main, [(row["task"], row) for row in rows[main]]))
    others = [(name, own[0]) for name, own in rows.items() if name != main]
    if others:
        parts.append(_changes("all tasks", others))
    parts.append(_NOTE)
    parts += _only(found.get("only") or {}, "the {} run")
    parts += _flipped(found["flips"][main], main, flips)
    return shown(parts, width)


def many(found: Json, width: int | None = None) -> str:
    """Three or more runs: their labels, accuracies side by side, and each against the first."""
    runs = found["runs"]
    names = [str(one["run"]) for one in runs]
    parts: list[Table | str] = [
        "\n".join(one["label"] for one in runs) + f"\n{found['items']:,} items"
    ]
    parts += _scored_otherwise(runs)
    parts += _left_out(found["left_out"])
    conditions = found["conditions"]
    main = _main(conditions)
    table = new_table("right, all tasks", *conditions)
    for at, name in enumerate(names):
        cells = (words.percent(found["scores"][c][0]["accuracy"][at]) for c in conditions)
        add_row(table, name, *cells)
    parts.append(table)
    tasks = found["scores"][main][1:]
    if len(tasks) > 1:
        table = new_table(f"right, {main}", *names)
        for row in tasks:
            add_row(table, row["task"], *map(words.percent, row["accuracy"]))
        parts.append(table)
    for condition in conditions:
        table = new_table(f"{condition}, against {names[0]}", *(h.format("") for h in _VERSUS))
        for name, row in zip(names[1:], found["versus"][condition], strict=True):
            add_row(table, name, *_cells(row, row["p_holm"]))
        parts.append(table)
    parts.append(f"{_NOTE} p is corrected over the runs.")
    parts += _only(found["only"], "{}")
    parts.append("Flipped items: compare two of them.")
    return shown(parts, width)


_VERSUS = tuple(head for head in _HEADS if head != "{}")


def _main(conditions: Sequence[str]) -> str:
    return "audio" if "audio" in conditions else conditions[0]


def _changes(first: str, rows: Sequence[tuple[str, Json]]) -> Table:
    heads = (h.format(side) for h, side in zip(_HEADS, ("", "first", "second", *[""] * 6),
                                               strict=True))  # fmt: skip
    table = new_table(first, *heads)
    for name, row in rows:
        cells = _cells(row["paired"], row["p_holm"])
        sides = words.percent(row["a"]), words.percent(row["b"])
        add_row(table, name, cells[0], *sides, *cells[1:])
    return table


def _cells(own: Json, p_holm: float | None) -> tuple[str, ...]:
    """Paired items, change, interval, p, McNemar's p, gained and lost."""
    return (
        f"{own['items']:,}",
        words.points(own["difference"]),
        words.gain_interval(own["low"], own["high"]),
        words.p_value(p_holm),
        words.p_value(own.get("p_items")),
        f"{len(own['better']):,}",
        f"{len(own['worse']):,}",
    )


def _left_out(counts: Mapping[str, Json]) -> list[str]:
    """What was not compared since other runs did not ask it."""
    return [
        f"left out, since not all runs asked them: {own['items']:,} items "
        f"({own['requests']:,} requests) of {name}"
        for name, own in counts.items()
        if own["requests"]
    ]


_RULES = ("scorer", "marked_by.judge", "marked_by.embed")


def _scored_otherwise(runs: Sequence[Json]) -> list[str]:
    """A warning for each rule of scoring that the runs do not share."""
    return [
        f"warning: not scored alike ({rule}: "
        + ", ".join(str(one["settings"][rule] or "none") for one in runs)
        + "): the change is that of the rule too."
        for rule in _RULES
        if rule in runs[0]["settings"]
    ]


def _only(only: Mapping[str, Sequence[str]], who: str) -> list[str]:
    return [
        f"conditions of {who.format(side)} only: {', '.join(names)}"
        for side, names in only.items()
        if names
    ]


def _flipped(flips: Sequence[Json], condition: str, most: int) -> list[str]:
    """The items that gained and those that lost, with the true answer and both replies."""
    if not most or not flips:
        return []
    lines = []
    for to, what in (("better", "gained"), ("worse", "lost")):
        own = [one for one in flips if one["to"] == to]
        for one in own[:most]:
            question = words.short(one["question"].splitlines()[-1], 2 * _SAID)
            lines.append(f"{what} {one['item']} ({one['task']}): {question}")
            sides = (f"{_said(one[side])}" for side in ("first", "second"))
            lines.append(f"    true: {words.short(one['gold'], _SAID)}; {' → '.join(sides)}")
        if len(own) > most:
            lines.append(f"    … {len(own) - most:,} more {what}: --flips {len(own)}, or --json")
    return [f"Flipped under {condition}:\n" + "\n".join(lines)]


def _said(answer: Json) -> str:
    """One run's answer: what was said, and what it counted as."""
    reply = " ".join(str(answer["parsed"] or answer["reply"] or "").split())
    return f"“{words.short(reply, _SAID)}” ({answer['outcome']})"
