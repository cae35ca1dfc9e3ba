"""Rows of tables: CSV with a heading, and tab-separated lines without one."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.parsing import read_text


def csv_rows(path: Path, delimiter: str) -> list[dict[str, Any]]:
    """The rows of a table with a heading, each a mapping from the heading's names to text.

    Raises:
        DataError: no UTF-8; a quote that is never closed; a name twice in the heading; a row of
            more cells than the heading.
    """
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
