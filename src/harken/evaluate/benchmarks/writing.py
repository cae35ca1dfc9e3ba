"""Rows written as the suffix of a file says, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.evaluate.benchmarks.rows import Row
from harken.files import write_whole


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as the suffix says: .json (a list), .jsonl, .csv, .tsv or .parquet, atomically.

    Raises:
        DataError: another suffix.
    """
    suffix = path.suffix.lower()
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".json":
        write_value(path, rows)
    elif suffix in (".jsonl", ".ndjson"):
        write_whole(path, "".join(_json(row) + "\n" for row in rows))
    elif suffix in (".csv", ".tsv"):
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO(newline="")
        sheet = csv.DictWriter(text, names, delimiter="\t" if suffix == ".tsv" else ",")
        sheet.writeheader()
        sheet.writerows(rows)
        # A lone surrogate of a reply over HTTP has no UTF-8: it is written as its escape.
        write_whole(path, text.getvalue().encode("utf-8", "backslashreplace"))
    elif suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows)), sink)
        write_whole(path, sink.getvalue())
    else:
        raise DataError(
            f"predictions cannot be written as {suffix or 'a file without suffix'}",
            where=str(path),
            hint="Use .json, .jsonl, .csv, .tsv or .parquet.",
        )


def write_value(path: Path, value: Any) -> None:
    """Write one JSON value, indented."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _json(value, indent=2) + "\n")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON as people read it; with escapes where the text holds a lone surrogate."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
