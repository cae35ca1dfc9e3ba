"""Results and comparisons as short tables for the terminal, as plain text."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import harken.report.words as words

if TYPE_CHECKING:
    from rich.table import Table

Json = Mapping[str, Any]
WIDE = 110
"""Columns where the output is not a terminal."""


def results(found: Json, width: int | None = None) -> str:
    """One evaluation: the verdict, then a row a task; what was not answered is counted below."""
    short, numbers = words.verdict(found)
    conditions = list(found["conditions"])
    table = _table("task", "items", "chance", *conditions, "gain", "95 % interval", "p", "bits")
    for row in [found["overall"], *found["tasks"]]:
        gain = row["gains"].get("none") or _NO_GAIN
        cells = [row["cells"].get(name) or {"accuracy": None} for name in conditions]
        _add(
            table,
            row["task"],
            f"{row['items']:,}",
            words.percent(row["chance"]),
            *(words.percent(cell["accuracy"]) for cell in cells),
            words.points(gain["difference"]),
            words.gain_interval(gain["low"], gain["high"]),
            words.p_value(gain["p"]),
            words.signed(gain["bits"]["mean"]),
        )
    return _shown([f"{short} {numbers}", table, _counted(found)], width)


def comparison(found: Json, width: int | None = None) -> str:
    """Two runs, second minus first: task by task with audio, all tasks under every condition."""
    parts: list[Table | str] = [
        f"first: {found['first']['model']}\nsecond: {found['second']['model']}\n"
        f"{found['items']:,} items"
    ]
    shown = found["conditions"]
    main = "audio" if "audio" in shown else next(iter(shown))
    parts.append(_compared(main, [(row["task"], row) for row in shown[main]]))
    others = [(name, rows[0]) for name, rows in shown.items() if name != main]
    if others:
        parts.append(_compared("all tasks", others))
    return _shown(parts, width)


_NO_GAIN: Json = {"difference": None, "low": None, "high": None, "p": None, "bits": {"mean": None}}


def _compared(first: str, rows: list[tuple[str, Any]]) -> Table:
    heads = ("paired", "first", "second", "change", "95 % interval", "p (Holm)", "gained", "lost")
    table = _table(first, *heads)
    for name, row in rows:
        paired = row["paired"]
        _add(
            table,
            name,
            f"{paired['items']:,}",
            words.percent(row["a"]),
            words.percent(row["b"]),
            words.points(paired["difference"]),
            words.gain_interval(paired["low"], paired["high"]),
            words.p_value(row["p_holm"]),
            f"{len(paired['better']):,}",
            f"{len(paired['worse']):,}",
        )
    return table


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(Text(first))
    for name in others:
        table.add_column(Text(name), justify="right")
    return table


def _add(table: Table, *cells: str) -> None:
    from rich.text import Text  # plain Text: a task called "[red]" is a name, not a style

    table.add_row(*(Text(cell.replace(words.GAP, " ")) for cell in cells))


def _shown(parts: list[Table | str], width: int | None) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    out = StringIO()
    wide = width or max(shutil.get_terminal_size((WIDE, 24)).columns, 80)
    console = Console(file=out, width=wide, no_color=True, highlight=False)
    for part in parts:
        console.print(Text(part.replace(words.GAP, " ")) if isinstance(part, str) else part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _counted(found: Json) -> str:
    """Answers that are neither right nor wrong, and items that were not asked."""
    odd = []
    for name in found["conditions"]:
        outcomes = found["overall"]["cells"][name]["outcomes"]
        counts = [f"{outcomes[o]:,} {o}" for o in words.OUTCOMES[2:] if outcomes[o]]
        if counts:
            odd.append(f"{name}: {', '.join(counts)}")
    odd += [f"not asked {n:,} ({why})" for why, n in (found.get("excluded") or {}).items()]
    return "; ".join(odd) if odd else "Every question was answered right or wrong."
