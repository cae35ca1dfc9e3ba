"""Progress with an ETA on stderr for everything that takes long: a bar, or two lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")

_quiet = False


def quiet(on: bool = True) -> None:
    """Turn all progress bars off (``--json``, ``--quiet``) or on again."""
    global _quiet
    _quiet = on


def track(things: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `things` unchanged while showing how many are done, the rate and the time left.

    On a terminal this is a rich bar; elsewhere (a log file, CI) one line at the start and one at
    the end, so that logs stay readable.
    """
    if total is None and isinstance(things, Sized):
        total = len(things)
    if _quiet:
        yield from things
        return
    if not sys.stderr.isatty():
        print(f"{label}: {total if total is not None else '?'} to do", file=sys.stderr, flush=True)
        count = 0
        for thing in things:
            yield thing
            count += 1
        print(f"{label}: {count} done", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(label, total=total)
        for thing in things:
            yield thing
            bar.advance(task)
