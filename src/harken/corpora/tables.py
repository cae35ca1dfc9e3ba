"""Tables of text as people and spreadsheets write them: encodings, separators, headings, quotes.

A table is read as it was meant, or refused with the reason: never half read, and never taken for
something else.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

from harken.corpora.base import printable
from harken.corpora.fields import tidy
from harken.errors import DataError
from harken.parsing import parse_json

SEPARATORS = ",;\t|"

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, most: int = -1) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.

    Bytes that are not UTF-8 become lone surrogates; what they are in is refused later, by name.

    Args:
        path: the file.
        most: read only so many bytes.

    Raises:
        DataError: the file cannot be read or decoded.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path.name) from None
    name = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not name and b"\0" in data[:256]:
        head = data[:256]
        odd, even = head[1::2].count(0), head[::2].count(0)
        name = "utf-16-le" if odd > even else "utf-16-be"
    if most > 0 and name.startswith("utf-16"):
        data = data[: len(data) // 2 * 2]
    if most > 0 and name.startswith("utf-32"):
        data = data[: len(data) // 4 * 4]
    try:
        errors = "surrogateescape" if name in ("", "utf-8-sig") else "strict"
        return data.decode(name or "utf-8", errors).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        if most > 0 and error.end >= len(data) - 4:
            return data[: error.start].decode(name)
        raise DataError(
            f"the text is neither UTF-8 nor {name.upper()}: {error.reason} at byte {error.start}",
            where=path.name,
            hint="Save it as UTF-8.",
        ) from None


def heading_name(cell: object) -> str:
    """The name of a column as it is compared: tidy, lower case, words joined by ``_``."""
    return re.sub(r"[\s\-]+", "_", tidy(str(cell)).strip(" \"'#").lower())


def read_heading(path: Path, known: Collection[str]) -> tuple[list[str], str, int]:
    """The names of a table's columns, its separator, and the lines up to the heading.

    The separator is the one that gives most names in `known`. Empty lines, a line ``sep=;`` (Excel)
    and comments before the heading are skipped.

    Raises:
        DataError: the table cannot be decoded.
    """
    skipped = 0
    for line in _lines(read_text(path, 1 << 16)):
        if line.strip() and not re.fullmatch(r"\s*\"?sep=.\"?\s*", line, re.IGNORECASE):
            names, separator = _best_heading(line, known)
            if not line.lstrip().startswith("#") or any(name in known for name in names):
                return names, separator, skipped
        skipped += 1
    return [], ",", skipped


def _best_heading(line: str, known: Collection[str]) -> tuple[list[str], str]:
    found = []
    for separator in SEPARATORS:
        try:
            cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            cells = line.split(separator)
        names = [heading_name(cell) for cell in cells]
        found.append((sum(name in known for name in names), len(names), names, separator))
    _, _, names, separator = max(found, key=lambda one: (one[0], one[1]))
    return names, separator


def read_rows(path: Path, known: Collection[str]) -> Iterator[tuple[int, Any]]:
    """(line number, row) of a CSV or TSV; a row is a dict, or a sentence why it cannot be read.

    Cells beyond the heading are under the key None. A tab-separated table whose quotes are not
    balanced is read with its quotes as they are.

    Raises:
        DataError: two columns have one name, or a quote that opens is never closed.
    """
    names, separator, skipped = read_heading(path, known)
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DataError(
            f"two columns are called {twice[0]!r}",
            where=path.name,
            hint="Give every column a name of its own.",
        )
    lines = _lines(read_text(path))[skipped + 1 :]
    plain = separator == "\t" and _torn_quotes(lines, separator)
    quoting: Literal[0, 3] = csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL
    reader = csv.reader(iter(lines), delimiter=separator, strict=True, quoting=quoting)
    while True:
        begin = skipped + 1 + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise DataError(
                    "a quote that opens in this row is never closed",
                    where=f"{path.name}:{begin}",
                    hint="Close it, or write a quote inside a cell twice.",
                ) from None
            yield begin, f"not CSV: {error}"
            continue
        if any(cells):
            row: dict[Any, Any] = dict(zip(names, cells, strict=False))
            row.pop("", None)
            if any(cells[len(names) :]):
                row[None] = cells[len(names) :]
            yield begin, row


def _lines(text: str) -> list[str]:
    """Lines with their ends; only CR and LF end one, as in the csv module."""
    return list(io.StringIO(text, newline=""))


def _torn_quotes(lines: list[str], separator: str) -> bool:
    try:
        for _ in csv.reader(iter(lines), delimiter=separator, strict=True):
            pass
    except csv.Error:
        return True
    return False


def read_json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, row) of JSON lines, or of a ``.json`` file that is one list of objects.

    A row is what the line holds, or a sentence why it cannot be read.

    Raises:
        DataError: the file cannot be decoded.
    """
    text = read_text(path)
    if path.suffix.lower() == ".json" and text.lstrip().startswith("["):
        try:
            yield from enumerate(parse_json(text, _once), 1)
        except ValueError as error:
            raise DataError(f"not JSON: {error}", where=path.name) from None
        return
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            try:
                yield number, parse_json(line, _once)
            except _TwiceError as error:
                yield number, str(error)
            except ValueError as error:
                yield number, f"not JSON: {printable(str(error))}"


class _TwiceError(ValueError):
    """A key that an object has twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose keys must differ."""
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _TwiceError(f"the key {twice!r} is given twice")
    return row
