"""Files of an export: one for each split, whole when they are there."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from harken.files import part_of, settle
from harken.shards.exports.base import ExportRow

Line = Callable[[ExportRow], Iterable[Any]]
"""A row -> the JSON values that are written for it."""

Name = Callable[[ExportRow], str]
"""A row -> the name of its file."""


def json_lines(
    rows: Iterable[ExportRow], folder: Path, line: Line, name: Name | str = "{split}.jsonl"
) -> dict[str, int]:
    """JSON lines, a file for each split; names that end in ``.gz`` are compressed.

    Returns:
        Lines by file name.
    """
    counts: dict[str, int] = {}
    files: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for row in rows:
            own = name(row) if callable(name) else name.format(split=row.split, part=row.part)
            if own not in files:
                files[own] = _opened(folder / own, stack)
            for value in line(row):
                files[own].write(f"{dumped(value)}\n".encode())
                counts[own] = counts.get(own, 0) + 1
    for own in files:
        settle(folder / own)
    return counts


def json_array(
    rows: Iterable[ExportRow], folder: Path, line: Line, name: str = "{split}.json"
) -> dict[str, int]:
    """The same as one JSON array a split, an element on each line."""
    counts: dict[str, int] = {}
    files: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for row in rows:
            own = name.format(split=row.split, part=row.part)
            if own not in files:
                files[own] = _opened(folder / own, stack)
            for value in line(row):
                files[own].write(f"{',' if counts.get(own) else '['}\n{dumped(value)}".encode())
                counts[own] = counts.get(own, 0) + 1
        for file in files.values():
            file.write(b"\n]\n")
    for own in files:
        settle(folder / own)
    return counts


def dumped(value: Any) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    """The temporary file of `path`, to be settled after the stack is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(part_of(path).open("wb"))
    if path.suffix != ".gz":
        return file
    # Without name and time in its head, the same lines are the same bytes.
    packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    return stack.enter_context(io.BufferedWriter(packed))
