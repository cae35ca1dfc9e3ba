"""Results of a run as short tables for the terminal, as plain text."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import harken.report.words as words
from harken.report.findings import checks, official
from harken.report.headline import headline
from harken.report.reference import controls, gain_over, reference

if TYPE_CHECKING:
    from rich.table import Table

Json = Mapping[str, Any]
WIDE = 110
"""Columns where the output is not a terminal."""


def results(found: Json, width: int | None = None) -> str:
    """One evaluation: the verdict, the headline table, and a short section per further result.

    Shares are percentages, gains are points; a dash means that nothing was asked.
    """
    short, numbers = words.verdict(found)
    wide = width or max(shutil.get_terminal_size((WIDE, 24)).columns, 80)
    parts: list[Table | str] = [f"{short} {numbers}", *_headlines(found, wide), _counted(found)]
    lines = (
        words.sampling(found),
        _over(found),
        _transcripts(found),
        _others(found),
        _bits(found),
        _floors(found),
        _consistent(found),
    )
    parts += [line for line in lines if line]
    parts += [line for line in (_calibrated(found), _voted(found)) if line]
    parts += _clips(found)
    parts += _fragments(found)
    parts += official(found)
    parts += [f"{status}: {name}: {text}" for status, name, text in checks(found)]
    return shown(parts, wide)


_BROKEN = {
    "95 % interval": "95 %\ninterval",
    "text-only floor": "text-\nonly\nfloor",
    "silence": "si-\nlence",
    "transcript": "tran-\nscript",
    "audio gain": "audio\ngain",
    "unparsable": "unpars-\nable",
    "abstained": "ab-\nstained",
}
"""Headings on two or three lines, so that the headline fits 110 columns."""
_OWN_TABLE = re.compile(r"clip-[0-9]+|fragment-[0-9]+of[0-9]+")
"""Conditions that have tables of their own: one clip alone, and cuts."""
_HEADLINE = 106
"""Columns it needs, with task names of twelve letters."""


def _headlines(found: Json, width: int) -> list[Table | str]:
    """The headline of all tasks, then of each task; as two tables where one would not fit."""
    rows = [found["overall"], *found["tasks"]]
    columns = [headline(found, row) for row in rows]
    # Bits (column 11) have a sentence of their own below.
    halves = ((0, 5, 9, 11), (5, 9, 12, 15)) if width < _HEADLINE else ((0, 11, 12, 15),)
    tables: list[Table | str] = []
    for cuts in halves:
        inside = [at for a, b in zip(cuts[::2], cuts[1::2], strict=True) for at in range(a, b)]
        heads = [_BROKEN.get(columns[0][at].name, columns[0][at].name) for at in inside]
        table = new_table("task", *heads, tight=True)
        for row, own in zip(rows, columns, strict=True):
            # The percent sign is left out of cells: nine columns would repeat it.
            cells = [own[at].text.removesuffix(f"{words.GAP}%") for at in inside]
            add_row(table, row["task"], *(cell.replace("< 0.001", "<.001") for cell in cells))
        tables.append(table)
    return tables


def _over(found: Json) -> str:
    """The control that gain and p of every row are over."""
    name = reference(found)
    return f"Audio gain and p: over {name}, the control that is hardest to beat." if name else ""


def _transcripts(found: Json) -> str:
    """Word error rates of the questions that ask for a transcript, of one voice or of several."""
    told = (("transcripts", "Word error rate"), ("meetings", "cpWER"))
    lines = [_errors(found.get(key) or {}, f"{name} of {key}") for key, name in told]
    return "\n".join(line for line in lines if line)


def _errors(own: Json, name: str) -> str:
    cells = [
        f"{condition} {words.percent(cell['wer'])} ({words.interval(cell['low'], cell['high'])})"
        for condition, cell in own.items()
    ]
    sizes = {f"{words.count(c['items'])}, {c['words']:,} words" for c in own.values()}
    return f"{name}: {', '.join(cells)}; {'; '.join(sorted(sizes))}." if own else ""


def _others(found: Json) -> str:
    """Conditions that have neither a column of the headline nor a table of their own."""
    cells = found["overall"]["cells"]
    columns = ("audio", "none", "silence", "swap", "transcript")  # the headline's
    return "\n".join(
        f"Right under {name}: {_share(cells[name])}; {words.meaning(name)}."
        for name in found["conditions"]
        if name not in columns and not _OWN_TABLE.fullmatch(name)
    )


def _bits(found: Json) -> str:
    name = reference(found)
    bits = gain_over(found["overall"], name).get("bits") or {"mean": None}
    if bits["mean"] is None:
        return ""
    return (
        f"Over {name}, the audio adds {words.signed(bits['mean'])} bits a question (95 % interval "
        f"{words.signed(bits['low'])} to {words.signed(bits['high'])}, {bits['items']:,} items)."
    )


def _floors(found: Json) -> str:
    """The rule behind the text-only floor, and two rules on the orders that were shown."""
    floors, floor = found["overall"]["floors"], found.get("blind")
    if floors["first"] is None:
        return ""
    best = (
        f"Text-only floor: {floor['name']}, {words.percent(floor['accuracy'])}. " if floor else ""
    )
    return (
        f"{best}As shown: always the first option {words.percent(floors['first'])}, always the "
        f"longest {words.percent(floors['longest'])} (equally long ones share the point)."
    )


def _consistent(found: Json) -> str:
    """Consistency over rotations, and position bias, with audio."""
    cell = found["overall"]["cells"].get("audio") or {}
    lines = []
    for name, own in (cell.get("consistency") or {}).items():
        if own["n"]:
            lines.append(
                f"In every order of the {name} the same answer: {words.percent(own['same'])} of "
                f"{words.count(own['n'])} (of pairs of orders {words.percent(own['agreement'])})."
            )
    for name, what in (("position", "option"), ("clip_position", "clip")):
        own = cell.get(name) or {"p": None}
        if own["p"] is not None:
            lines.append(
                f"Picks by position of the {what}: {' '.join(map(str, own['chosen']))}, true ones "
                f"{' '.join(map(str, own['gold']))}; bias {words.p_clause(own['p'])}."
            )
    return "\n".join(lines)


def _calibrated(found: Json) -> str:
    lines = []
    for name, cell in found["overall"]["cells"].items():
        own = cell.get("calibration")
        if own and name in ("audio", "none"):
            half = min(own["curve"], key=lambda point: abs(point[0] - 0.5))
            lines.append(
                f"Calibration, {name}: ECE {words.percent(own['ece'])} (equal mass "
                f"{words.percent(own['ece_mass'])}), Brier {own['brier']:.3f}, right "
                f"{words.percent(half[1])} of the more confident half, area {own['area']:.3f}, "
                f"{own['n']:,} answers."
            )
    return "\n".join(lines)


def _voted(found: Json) -> str:
    lines = []
    for name, own in (found.get("self_consistency") or {}).items():
        gain = own["gain"]
        items = words.count(own["items"])
        sure = f"{words.gain_interval(gain['low'], gain['high'])}, "
        sure += words.p_clause(gain.get("p_bootstrap"))
        if gain["low"] is None:
            sure = "of one recording, so without an interval"
        rotated = {"both": "options and clips"}.get(name, name)
        lines.append(
            f"Vote of {own['passes']:.3g} passes over the orders of the {rotated}: "
            f"{words.percent(own['accuracy'])}, a single pass {words.percent(own['single'])}: "
            f"{words.points(gain['difference'])} points "
            f"({sure}, {items}). {own['note']}".rstrip()
        )
    return "\n".join(lines)


def _clips(found: Json) -> list[Table | str]:
    """Accuracy by number of clips, and with one clip alone; nothing for single clips."""
    parts: list[Table | str] = []
    by_clips = found.get("by_clips") or {}
    numbers = sorted({row["clips"] for rows in by_clips.values() for row in rows})
    if len(numbers) > 1:
        table = new_table("clips", *map(str, numbers))
        for name in (n for n in ("audio", *controls(by_clips), "transcript") if n in by_clips):
            own = {row["clips"]: row for row in by_clips[name]}
            add_row(table, name, *(_share(own.get(n)) for n in numbers))
        parts.append(table)
    alone = [row for row in found.get("per_clip") or [] if row["clips"] > 1]
    if alone:
        table = new_table("one clip alone", "of", "items", "right", "drop", "95 % interval", "p")
        for row in alone:
            drop = row["drop"] or dict.fromkeys(("difference", "low", "high", "p"))
            add_row(
                table,
                f"clip {row['clip']}",
                str(row["clips"]),
                f"{row['items']:,}",
                _share(row),
                words.points(drop["difference"]),
                words.gain_interval(drop["low"], drop["high"]),
                words.p_value(drop["p"]),
            )
        parts.append(table)
    return parts


def _fragments(found: Json) -> list[Table | str]:
    parts: list[Table | str] = []
    for own in found.get("fragments") or []:
        table = new_table(f"cut of {own['of']}", "items", "right")
        for row in own["positions"]:
            add_row(table, str(row["position"]), f"{row['items']:,}", _share(row))
        parts.append(table)
        if own["n"]:
            parts.append(
                f"A cut retains {words.percent(own['retained'])} of the score "
                f"({words.percent(own['mean'])} of {words.percent(own['whole'])}); right with some "
                f"cut {words.percent(own['any'])}; only with the whole clip "
                f"{words.percent(own['needs_whole'])}; {words.count(own['n'])}."
            )
    return parts


def _share(row: Json | None) -> str:
    """``82.5 (78.0–86.1)``, in percent."""
    if row is None or row["accuracy"] is None:
        return "–"
    return f"{100 * row['accuracy']:.1f} ({words.interval(row['low'], row['high'])})"


def new_table(first: str, *others: str, tight: bool = False) -> Table:
    """An empty table: a column of names, and columns of numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    padding = (0, 0) if tight else (0, 1)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=padding)
    table.add_column(Text(first), vertical="bottom", overflow="fold")
    for name in others:
        table.add_column(Text(name), justify="right", no_wrap=tight)
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row of plain text."""
    from rich.text import Text  # plain Text: a task called "[red]" is a name, not a style

    table.add_row(*(Text(cell.replace(words.GAP, " ")) for cell in cells))


def shown(parts: list[Table | str], width: int | None = None) -> str:
    """Tables and paragraphs as text of `width` columns; default: the terminal's."""
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
    counted = []
    for name in found["conditions"]:
        outcomes = found["overall"]["cells"][name]["outcomes"]
        counts = [f"{outcomes[o]:,} {o}" for o in words.OUTCOMES[2:] if outcomes.get(o)]
        if counts:
            counted.append(f"{name}: {', '.join(counts)}")
    if found.get("hidden"):
        counted.append(f"{found['hidden']:,} answers to questions whose true answer is withheld")
    counted += [f"not asked: {line}" for line in words.not_asked(found.get("excluded") or {})]
    counted += words.restricted(found)
    return "; ".join(counted) if counted else "Every question was answered right or wrong."
