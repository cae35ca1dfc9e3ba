"""Rows of JSON files: lines of a ``.jsonl``, or elements of an array, with the line of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from harken.errors import DataError
from harken.parsing import json_elements, parse_json, read_text
from harken.shards.formats.base import BadRow, Found, LeftOut, Row, Sample

LINES = (".jsonl", ".ndjson")
_HEAD = 8
"""Rows by which a format is recognised."""


def json_rows(path: Path) -> Iterator[tuple[int, Row | BadRow]]:
    """(line, row) of each row in a file of JSON lines or of one array.

    Raises:
        DataError: it cannot be read, or the array cannot be understood.
    """
    if path.suffix.lower() in LINES or not _is_array(path):
        yield from _lines(path)
        return
    try:
        for line, value in json_elements(read_text(path)):
            yield line, value if isinstance(value, dict) else _no_object(value)
    except ValueError as error:
        raise DataError(f"not a JSON array: {error}", where=str(path)) from None


def head(path: Path) -> list[Row]:
    """The first rows of a JSON file that are objects, as far as it can be read."""
    if not path.is_file() or path.suffix.lower() not in (*LINES, ".json"):
        return []
    found: list[Row] = []
    with suppress(DataError, OSError):
        for _, row in islice(json_rows(path), _HEAD):
            found += [] if isinstance(row, BadRow) else [row]
    return found


def each_row(
    path: Path, sample: Callable[[Row], Sample | LeftOut], where: str = "line"
) -> Iterator[Found]:
    """What `sample` makes of each row of a JSON file; what it raises is a fault of that row."""
    for line, row in json_rows(path):
        place = f"{where} {line}"
        yield place, row if isinstance(row, BadRow) else converted(row, sample)


def converted(row: Row, sample: Callable[[Row], Sample | LeftOut]) -> Sample | LeftOut | BadRow:
    """`sample(row)`, or why there is none."""
    try:
        return sample(row)
    except BadRow as fault:
        return fault
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return BadRow(f"cannot be understood ({type(error).__name__}: {error})")


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _lines(path: Path) -> Iterator[tuple[int, Row | BadRow]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = parse_json(line.decode("utf-8-sig"))
            except ValueError as error:
                yield number, BadRow(f"not JSON ({error})")
                continue
            yield number, value if isinstance(value, dict) else _no_object(value)


def _no_object(value: object) -> BadRow:
    return BadRow(f"a {type(value).__name__}, not an object")
