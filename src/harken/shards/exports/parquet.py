"""Rows as Parquet, a file for each split, written in groups of rows at constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harken.files import part_of, settle
from harken.shards.exports.base import ExportRow

GROUP = 128
"""Rows in a row group."""


def parquet(
    rows: Iterable[ExportRow],
    folder: Path,
    schema: Any,
    record: Callable[[ExportRow, int], dict[str, Any]],
) -> dict[str, int]:
    """Write ``<split>.parquet``.

    Args:
        rows: of all splits, in order.
        folder: to write into.
        schema: of pyarrow, with its metadata.
        record: ``record(row, number)``, with the row's number in its file.

    Returns:
        Rows by file name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts: dict[str, int] = {}
    waiting: dict[str, list[dict[str, Any]]] = {}
    writers: dict[str, Any] = {}

    def flush(name: str) -> None:
        writers[name].write_table(pa.Table.from_pylist(waiting[name], schema))
        waiting[name] = []

    with ExitStack() as stack:
        for row in rows:
            name = f"{row.split}.parquet"
            if name not in writers:
                writers[name] = stack.enter_context(
                    pq.ParquetWriter(part_of(folder / name), schema)
                )
            number = counts.get(name, 0)
            waiting.setdefault(name, []).append(record(row, number))
            counts[name] = number + 1
            if len(waiting[name]) == GROUP:
                flush(name)
        for name in writers:
            if waiting[name]:
                flush(name)
    for name in writers:
        settle(folder / name)
    return counts
