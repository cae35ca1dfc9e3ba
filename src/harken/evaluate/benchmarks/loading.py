"""Reading and checking a release: its rows as items, and what is wrong with the others.

A fault of a row never stops the release. A row that harken can ask and score is an item. A row
that only the official script can score, because no reply to it is right (its gold is not among its
options), is kept for that script alone (`Release.odd`). A row that nobody can score (a field is
missing, its key is that of an earlier row) is left out. All are told, with their number and an
example. Where a release is only checked, every fault is an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harken.errors import DataError
from harken.evaluate.benchmarks.layout import ReleaseLayout
from harken.evaluate.benchmarks.rows import Row, alike, faulty
from harken.evaluate.benchmarks.types import FAULTY_ROW, Release
from harken.hashing import canonical, digest
from harken.item import Item

_AUDIO_HINT = (
    "Name the root folder of its audio with --audio; links that lead out of it are not followed."
)
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError)
"""What a benchmark's own reading of a row raises where a field holds something else."""


@dataclass(slots=True)
class _Read:
    """Rows, sorted by what can be done with them.

    Attributes:
        items: rows that can be asked and scored.
        odd: rows that only the official rule scores.
        left_out: keys of rows that nobody scores.
        faults: why rows are not among `items`, as lines ``row n (key): …``; those of `odd` end in
            `ODD`.
        lost: missing or misplaced clips of rows that are otherwise whole.
        remarks: what is wrong with rows that are items all the same.
    """

    items: list[Item] = field(default_factory=list)
    odd: list[Item] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_release(
    benchmark: ReleaseLayout,
    source: Path | str,
    audio_root: Path | None,
    need_audio: bool,
    forgiven: tuple[bool, bool],
) -> Release:
    """See `harken.evaluate.benchmarks.base.Benchmark.release`.

    `forgiven` says whether a wrong number of rows, and whether faulty rows, are notes.
    """
    from harken.shards.read import audio_below

    partial, tolerant = forgiven
    with audio_below(audio_root):  # own items may be those of another program's set
        rows = [benchmark.keyed(row, number) for number, row in enumerate(benchmark.rows(source))]
    here = Path(str(source))
    root = audio_root or (here if here.is_dir() else here.parent)
    read = _sorted(benchmark, rows, root if need_audio else None)
    short, notes = benchmark.size_faults(rows)
    print_ = fingerprint(benchmark, rows)
    version = benchmark.versions.get(print_, "")
    check = not tolerant or not read.items
    refused = [*read.faults, *read.lost, *read.remarks] if check else read.lost
    if refused or (short and not partial):
        about = f"content fingerprint {print_}" + ("" if version else ", no known version")
        hint = _AUDIO_HINT if read.lost and refused == read.lost else ""
        raise faulty([*refused, *short], f"{source}; {about}", hint)
    if partial:
        notes = short + notes
    notes = [*told(read.faults), *told(read.remarks, "kept"), *notes]
    if benchmark.versions and not version:
        notes.append(f"unknown version: content fingerprint {print_}")
    return Release(
        benchmark.name, tuple(read.items), print_, version, (*notes, *_of_options(read.items)),
        tuple(read.odd), tuple(read.left_out), (*read.faults, *read.remarks),
    )  # fmt: skip


def _of_options(items: Sequence[Item]) -> list[str]:
    """Notes about options that are shown otherwise than the release has them."""
    repeats = sum("repeated-choices" in item.tags for item in items)
    empty = sum("empty-choice" in item.tags for item in items)
    notes = []
    if repeats:
        notes.append(
            f"{repeats} items have repeated options: kept, each text shown once; "
            "the official rule uses them all"
        )
    if empty:
        notes.append(f"{empty} items have an empty option: kept, the empty one is not shown")
    return notes


def _sorted(benchmark: ReleaseLayout, rows: Sequence[Row], root: Path | None) -> _Read:
    read = _Read()
    if not rows:
        read.faults.append("the file holds no rows")
    first: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        name, place = str(row.get(benchmark.key)), f"row {number} ({row.get(benchmark.key)}): "
        hard, soft = row_faults(benchmark, row)
        again = row.get(benchmark.key) is not None and name in first
        if again:
            hard.append(f"duplicate {benchmark.key}: also row {first[name]}")
        first.setdefault(name, number)
        if not hard and not soft:
            hard = _keep(benchmark, row, root, read, place)
        odd = not hard and soft and benchmark.scores_odd_rows and benchmark.answer(row) is not None
        if odd:
            read.odd.append(_odd(benchmark, row))
        elif (hard or soft) and not again and row.get(benchmark.key) is not None:
            read.left_out.append(name)
        read.faults += [place + one + (ODD if odd else "") for one in (*hard, *soft)]
    return read


ODD = " (scored by the official rule only)"
"""How the fault of a row ends that only the official script can score."""


def _keep(
    benchmark: ReleaseLayout, row: Row, root: Path | None, read: _Read, place: str
) -> list[str]:
    """Make the row's item, unless a clip is missing; returns why it cannot be one."""
    clips, lost = benchmark.clips_of(row, root)
    if lost:
        read.lost += [place + one for one in lost]
        return []
    try:
        read.items.append(benchmark.item(row, clips))
    except DataError as error:
        return [error.found]
    read.remarks += [place + one for one in benchmark.remarks(row)]
    return []


def _odd(benchmark: ReleaseLayout, row: Row) -> Item:
    """A row for the official rule alone: its options and its gold, which is none of them."""
    return Item(
        question=benchmark.question(row).strip() or "(no question)",
        answer=benchmark.answer(row) or "",
        task=benchmark.value(row, benchmark.task) if benchmark.task else benchmark.name,
        tags=(benchmark.name, FAULTY_ROW),
        split="test",
        plan={"benchmark": benchmark.name, "key": str(row[benchmark.key]),
              "options": benchmark.options(row), "row": row},
    )  # fmt: skip


def row_faults(benchmark: ReleaseLayout, row: Row) -> tuple[list[str], list[str]]:
    """Faults for which nobody can score a row, and those for which no reply to it is right."""
    hard: list[str] = []
    for name, types in {benchmark.key: (str, int), **benchmark.required}.items():
        if name not in row or (row[name] is None and type(None) not in types):
            hard.append(f"no {name!r}")
        elif not isinstance(row[name], types):
            hard.append(f"{name!r} is a {type(row[name]).__name__}")
    if hard:
        return hard, []
    try:
        soft = _option_faults(benchmark, row)
        hard = benchmark.faults(row)
        benchmark.audio(row)
        benchmark.remarks(row)
    except _UNREADABLE as error:
        return [f"cannot be read ({type(error).__name__}: {str(error)[:100]})"], []
    return hard, soft


def _option_faults(benchmark: ReleaseLayout, row: Row) -> list[str]:
    found = []
    options, answer = benchmark.options(row), benchmark.answer(row)
    shown = [one for one in options if one.strip()]
    if not benchmark.question(row).strip():
        found.append("empty question")
    if len(shown) < benchmark.fewest:
        empty = f"an empty option, and {len(shown)} other"
        found.append(empty if len(shown) < len(options) else f"{len(options)} options")
    if options and answer is not None and answer not in shown:
        found.append(f"the gold {answer!r} is not among the choices {options!r}")
    return found


def told(faults: Sequence[str], done: str = "left out") -> list[str]:
    """One note for each kind of fault: how many rows have it, and the first of them."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        kinds.setdefault(alike(fault), []).append(fault)
    notes = []
    for kind in kinds.values():
        what = ODD.strip(" ()") if kind[0].endswith(ODD) else done
        rest = f", and {len(kind) - 1} more like it" if len(kind) > 1 else ""
        rows = "1 row" if len(kind) == 1 else f"{len(kind)} rows"
        notes.append(f"{rows} {what}: {kind[0].removesuffix(ODD)}{rest}")
    return notes


def fingerprint(benchmark: ReleaseLayout, rows: Sequence[Row]) -> str:
    """16 hex digits of the content: keys, questions, options, answers, audio base names.

    Rows that cannot be read are left out.
    """
    content = []
    for row in rows:
        if [name for name in benchmark.required if name not in row]:
            continue
        try:
            content.append(
                [
                    str(row.get(benchmark.key)),
                    benchmark.question(row),
                    benchmark.options(row),
                    benchmark.answer(row),
                    [os.path.basename(name) for name in benchmark.audio(row)],
                ]
            )
        except _UNREADABLE:
            continue
    return digest(canonical(sorted(content, key=canonical)))
