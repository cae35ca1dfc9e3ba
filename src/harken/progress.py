"""Progress with an ETA on stderr for everything that takes long: a bar, or lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

EVERY_S = 30.0
"""Seconds between two lines where stderr is no terminal."""
NARROW = 72
"""Columns below which a terminal gets the short bar."""

_quiet = False
_console: Console | None = None  # of the bar that is shown, if one is


def quiet(on: bool = True) -> None:
    """Turn all progress off (``--json``, ``--quiet``) or on again."""
    global _quiet
    _quiet = on


def note(line: str) -> None:
    """A line on stderr that tells what was done with the input, unless progress is off."""
    if not _quiet:
        _say(line)


def track(things: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `things` unchanged while showing how many are done, the rate and the time left.

    On a terminal this is a rich bar that fits its width; elsewhere (a log file, CI) a line at the
    start, one every `EVERY_S` seconds even while a single thing takes longer, and one at the end.
    """
    if total is None and isinstance(things, Sized):
        total = len(things)
    if _quiet:
        yield from things
    elif sys.stderr.isatty():
        yield from _bar(things, label, total)
    else:
        yield from _lines(things, label, total)


def tell(line: str) -> None:
    """One line on stderr, above the bar if one is shown; nothing where progress is turned off."""
    if _quiet:
        return
    if _console is None:
        _say(line)
    else:
        _console.print(line, markup=False, highlight=False)


def _lines(things: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    _say(f"{label}: {total if total is not None else '?'} to do")
    done, start, over = [0], time.monotonic(), threading.Event()

    def report() -> None:
        while not over.wait(EVERY_S):
            _say(f"{label}: {state(done[0], total, time.monotonic() - start)}")

    # A thread of its own, since one batch of a slow model can take minutes.
    reporter = threading.Thread(target=report, name="progress", daemon=True)
    reporter.start()
    try:
        for thing in things:
            yield thing
            done[0] += 1
    finally:
        over.set()
        reporter.join()
    _say(f"{label}: {done[0]} done")


def state(done: int, total: int | None, seconds: float) -> str:
    """``120 of 400 done in 1:30, 3:30 left``; the time left is known once something is done."""
    if total is None:
        return f"{done} done in {clock(seconds)}"
    left = f", {clock(seconds * (total - done) / done)} left" if 0 < done <= total else ""
    return f"{done} of {total} done in {clock(seconds)}{left}"


def clock(seconds: float) -> str:
    """A time in minutes and seconds: ``1:30``, ``2:05:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _bar(things: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import Progress

    global _console
    console, before = Console(stderr=True), _console
    with Progress(*columns(console, total), console=console, transient=False) as bar:
        task = bar.add_task(label, total=total)
        _console = console
        try:
            for thing in things:
                yield thing
                bar.advance(task)
        finally:
            _console = before


def columns(console: Console, total: int | None) -> list[Any]:
    """The columns of a bar that fits the console: name, bar, count, time and time left.

    On a narrow one the name is cut and a percentage stands for the count, so that the bar and the
    time left are still there.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    name = Column(no_wrap=True, overflow="ellipsis", max_width=max(4, console.width // 3))
    if console.width >= NARROW:
        return [
            TextColumn("{task.description:<28}", markup=False, table_column=name),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
        ]
    share: Callable[..., Any] = MofNCompleteColumn if total is None else TaskProgressColumn
    return [
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=max(3, console.width // 4)),
        share(),
        TimeRemainingColumn(compact=True),
    ]
