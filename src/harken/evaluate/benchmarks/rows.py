"""Raw rows of a release or of a prediction file: JSON, JSON lines, CSV, TSV, Parquet; file or hub.

A row is kept as in the file: official rules need the raw fields. No audio is decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harken.errors import DataError, MissingExtra
from harken.evaluate.benchmarks.text_files import csv_rows, tab_rows
from harken.parsing import parse_json, read_text

Row = dict[str, Any]

HUB = "hub:"
"""A source that starts with this names a dataset repository on the Hugging Face hub."""


def read_rows(path: Path, key: str = "id") -> list[Row]:
    """All rows of a file, in order.

    A JSON file may hold a list of objects, an object with such a list under ``data``, an object of
    objects or texts by id (the id becomes the field ``id``, and `key`), or one object a line. Text
    of which every line is ``id<TAB>reply`` is rows with ``id`` and ``prediction``.

    Raises:
        DataError: no such file, text that is not UTF-8, an unknown format, or lines that are not
            objects (all are listed).
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), hint="Check the path.")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return [row for row, _ in _parquet(path)]
    if suffix in (".csv", ".tsv"):
        return csv_rows(path, "\t" if suffix == ".tsv" else ",")
    text = read_text(path)
    if suffix in (".jsonl", ".ndjson"):
        return _lines(text, path)
    try:
        value = parse_json(text)
    except ValueError:
        if suffix != ".json" and (rows := tab_rows(text, path)) is not None:
            return [{key: row["id"], **row} for row in rows]
        return _lines(text, path)  # some releases call JSON lines ".json"
    return _objects(value, path, key)


def unpack(path: Path, folder: Path) -> int:
    """Write the audio embedded in a Parquet file under `folder`, under the names in its rows.

    Existing files are not overwritten. Returns how many clips the file embeds.
    """
    from harken.files import real_path, write_whole

    base, count = real_path(folder), 0
    for _, cells in _parquet(path):
        for name, data in cells:
            place = real_path(base / name)
            if base not in place.parents:
                raise DataError(f"embedded audio {name!r} is outside the folder", where=str(path))
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                write_whole(place, data)
            count += 1
    return count


def _parquet(path: Path) -> Iterator[tuple[Row, list[tuple[str, bytes]]]]:
    """(row without audio bytes, the embedded clips by name), one row group slice at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from _parquet_rows(pq.ParquetFile(path), path)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"the Parquet file cannot be read: {error}", where=str(path)) from error


def _parquet_rows(table: Any, path: Path) -> Iterator[tuple[Row, list[tuple[str, bytes]]]]:
    number = 0
    for batch in table.iter_batches(batch_size=64):
        for row in batch.to_pylist():
            found: list[tuple[str, bytes]] = []
            for column, cell in row.items():
                cells = cell if isinstance(cell, list) else [cell]
                for place, one in enumerate(cells):
                    if isinstance(one, dict) and isinstance(one.get("bytes"), bytes):
                        # Hub paths are often not unique: the name is made from the row.
                        name = f"{path.parent.name}-{path.stem}-{number}-{column}-{place}.wav"
                        found.append((name, one["bytes"]))
                        one.clear()
                        one["path"] = name
            yield row, found
            number += 1


def _objects(value: Any, path: Path, key: str) -> list[Row]:
    if isinstance(value, dict) and isinstance(value.get("data"), list | dict):
        value = value["data"]
    if isinstance(value, dict):
        value = [
            {"id": name, key: name, **(own if isinstance(own, dict) else {"prediction": own})}
            for name, own in value.items()
        ]
    if not isinstance(value, list):
        raise DataError("the file holds neither a list nor an object", where=str(path))
    wrong = [f"row {n} is not an object but {type(row).__name__}" for n, row in enumerate(value, 1)
             if not isinstance(row, dict)]  # fmt: skip
    if wrong:
        raise faulty(wrong, path)
    return value


def _lines(text: str, path: Path) -> list[Row]:
    rows, wrong = [], []
    # Not splitlines: a reply may hold other line ends, such as U+2028, inside its quotes.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            wrong.append(f"line {number}: not JSON ({error})")
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            wrong.append(f"line {number}: not an object but {type(row).__name__}")
    if wrong:
        raise faulty(wrong, path)
    return rows


_ALIKE = 20


def alike(fault: str) -> str:
    """A fault without lists, what is quoted or in brackets, and numbers: equal for one kind."""
    return re.sub(r"\[.*\]|'[^']*'|\"[^\"]*\"|\([^)]*\)|\d+", "*", fault)


def faulty(faults: Sequence[str], where: Path | str, hint: str = "") -> DataError:
    """One error that lists every fault; of more than 20 similar ones, 20 and a count."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        kinds.setdefault(alike(fault), []).append(fault)
    shown: list[str] = []
    for kind in kinds.values():
        shown += kind[:_ALIKE]
        shown += [f"and {len(kind) - _ALIKE} more like it"] if len(kind) > _ALIKE else []
    return DataError(
        f"{len(faults)} fault{'s' if len(faults) != 1 else ''}:\n  " + "\n  ".join(shown) + "\n",
        where=str(where),
        hint=hint or "Fix these rows, or, of a release, download it again.",
    )


def locate(source: Path | str, names: Sequence[str]) -> list[Path]:
    """The file or files of a release: `source` itself, or what it holds under one of `names`.

    Args:
        source: a file, a folder, or ``hub:owner/name`` (downloaded where the hub is reachable).
        names: file names or glob patterns of the official layout; the first that exists is used.

    Raises:
        DataError: no file matches any of the names.
    """
    if str(source).startswith(HUB):
        source = fetch(str(source).removeprefix(HUB), names)
    source = Path(source)
    if source.is_file():
        return [source]
    for name in names:
        found = sorted(source.glob(name)) if source.is_dir() else []
        if found:
            return found
    raise DataError(
        "no file of the official layout was found",
        where=str(source),
        hint="Looked for: " + ", ".join(names),
    )


def fetch(repository: str, names: Sequence[str]) -> Path:
    """A local copy of the tables of a dataset repository of the hub; audio is not downloaded.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        DataError: the hub cannot be reached, or refuses.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtra("huggingface_hub", "models") from None
    try:
        return Path(snapshot_download(repository, repo_type="dataset", allow_patterns=list(names)))
    except Exception as error:  # the hub raises many kinds; all mean: not available
        raise DataError(
            f"the hub download failed ({type(error).__name__}: {str(error)[:200]})",
            where=repository,
            hint="Download the release by hand and name its folder.",
        ) from error
