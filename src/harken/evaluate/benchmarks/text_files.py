"""The text of a file, or the reason why it is none; CSV and tab-separated rows of it.

All files of text that the package reads are UTF-8, with or without a byte order mark. Another
encoding is refused and never guessed: read as the wrong one, accents become other letters and a
reply no longer matches its option.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from pathlib import Path
from typing import Any

from harken.errors import DataError

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAMPLE = 4096
_NUL_SHARE = 4
"""A text of which one character in so many is NUL is UTF-16 without a byte order mark."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        DataError: another encoding; the error says what was found, and in which line.
    """
    data = path.read_bytes()
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise _not_utf8(path, f"the file is {name} (by its byte order mark), not UTF-8", name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}"
        raise _not_utf8(path, found, "LATIN1") from None
    start = text[:_SAMPLE]
    if start and start.count("\0") * _NUL_SHARE >= len(start):
        found = "the file is not UTF-8: it is full of NUL characters, as UTF-16 is"
        raise _not_utf8(path, found, "UTF-16")
    return text


def _not_utf8(path: Path, found: str, name: str) -> DataError:
    hint = f"Save it as UTF-8, for example: iconv -f {name} -t UTF-8 {path.name} > utf8-{path.name}"
    return DataError(found, where=str(path), hint=hint)


def csv_rows(path: Path, delimiter: str) -> list[dict[str, Any]]:
    """The rows of a table with a heading, each a mapping from the heading's names to text.

    Raises:
        DataError: no UTF-8; a quote that is never closed; a name twice in the heading; a row of
            more cells than the heading.
    """
    # Replies can be longer than the 131,072 characters that csv takes by default.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    table = csv.DictReader(
        io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True
    )
    rows: list[dict[str, Any]] = []
    try:
        names = list(table.fieldnames or ())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(
                f"the heading names {', '.join(map(repr, twice))} more than once",
                where=str(path),
                hint="Give each column a name of its own.",
            )
        for row in table:
            if None in row:
                raise DataError(
                    f"line {table.line_num} has more cells than the heading has names",
                    where=str(path),
                    hint="Put a cell that holds the separator in double quotes.",
                )
            rows.append(row)
    except csv.Error as error:
        raise DataError(
            f"the table cannot be read near line {table.line_num}: {error}",
            where=str(path),
            hint="Write a quote inside a quoted cell twice, and close every quote.",
        ) from error
    return rows


def tab_rows(text: str, path: Path) -> list[dict[str, Any]] | None:
    """Rows of ``key<TAB>reply`` without a heading (SLAM-LLM's ``_pred``); None if it is none.

    Raises:
        DataError: SLAM-LLM's ``_gt``, which has the same form and holds the references.
    """
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not lines or not all("\t" in line and line[0] not in "\t{[" for line in lines):
        return None
    if path.stem.endswith("_gt"):
        raise DataError(
            "this is SLAM-LLM's file of references, not of replies",
            where=str(path),
            hint="Name the file beside it that ends in _pred.",
        )
    cut = (line.partition("\t") for line in lines)
    return [{"id": name.strip(), "prediction": reply} for name, _, reply in cut]
