"""Encoded audio inside other files: rows of Parquet and Arrow files, members of tar archives.

A clip in such a file is named by row and slot. In tables the slot counts the audio cells of a row:
those of harken's own column ``audio``, else those of every audio column in order, lists opened. A
column is audio if the features that Hugging Face `datasets` stores with a table say so, or else if
it is a struct of ``bytes`` and ``path`` and the features do not call it something else. In a tar
archive the row counts its regular files, and the slot is 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from harken.audio.codec import open_regular
from harken.audio.container import sniff
from harken.cache import LruCache
from harken.errors import AudioError
from harken.parsing import parse_json

_pages: LruCache[list[list[bytes | None]]] = LruCache(64 << 20)
_last: dict[tuple[Any, ...], list[list[bytes | None]]] = {}
"""The page that was read last, whatever its size: clips of one file are often read in order."""


def clear_pages() -> None:
    """Forget the pages that were read."""
    _pages.clear()
    _last.clear()


def packing(path: str) -> str:
    """``parquet``, ``arrow`` or ``tar``, by the first bytes; raises AudioError for others."""
    with open_regular(path) as file:
        head = file.read(512)
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:6] == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff":
        return "arrow"
    if head[257:262] == b"ustar":
        return "tar"
    raise AudioError("unsupported", "no Parquet, Arrow or plain tar file", where=path)


def packed_bytes(path: str, row: int, slot: int) -> bytes:
    """The encoded bytes of one clip.

    Raises:
        AudioError: there is no such row or slot, or it has no bytes.
    """
    kind = packing(path)
    try:
        if kind == "tar":
            data = _member(path, row) if slot == 0 else None
        else:
            data = _cell(path, kind, row, slot)
    except (OSError, ValueError) as error:  # pyarrow raises these two
        text = str(error).splitlines()[0]
        raise AudioError(
            "corrupt", f"the {kind} file cannot be read: {text}", where=path
        ) from error
    if not data:
        raise AudioError("missing", f"row {row} has no bytes for clip {slot}")
    return data


def audio_columns(schema: Any) -> tuple[str, ...]:
    """The audio columns of an Arrow schema, in order."""
    names = list(schema.names)
    if "clips" in names and "audio" in names:  # harken's own shard
        return ("audio",)
    declared = features(schema)
    return tuple(name for name in names if _is_audio(declared.get(name), schema.field(name).type))


def features(schema: Any) -> dict[str, Any]:
    """What Hugging Face `datasets` wrote about each column, by name; empty if it did not."""
    stored = (schema.metadata or {}).get(b"huggingface")
    try:
        found = parse_json(stored)["info"]["features"] if stored else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def cells_of(value: Any) -> list[dict[str, Any]]:
    """The audio cells in one value of an audio column: one struct, or a list of them."""
    if value is None:
        return []
    return [cell or {} for cell in value] if isinstance(value, list) else [value]


def suffix_of(data: bytes) -> str:
    """A file suffix for encoded audio, without the dot."""
    kind = sniff(data[:512]) or "audio"
    return {"vorbis": "ogg", "opus": "ogg", "oggflac": "ogg"}.get(kind, kind)


@lru_cache(maxsize=64)
def tar_members(path: str, state: tuple[int, ...]) -> tuple[tuple[str, int, int], ...]:
    """(name, offset of the bytes, size) of each regular file in a plain tar archive."""
    import tarfile

    try:
        with tarfile.open(path, "r:") as archive:
            return tuple((m.name, m.offset_data, m.size) for m in archive if m.isreg())
    except tarfile.TarError as error:
        raise AudioError(
            "corrupt", f"the tar archive cannot be read: {error}", where=path
        ) from error


def state_of(path: str | Path) -> tuple[int, ...]:
    """What changes when a file does; raises OSError."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_audio(declared: Any, kind: Any) -> bool:
    import pyarrow as pa

    if isinstance(declared, dict) and declared.get("_type") not in ("Sequence", "List", None):
        return bool(declared["_type"] == "Audio")
    if isinstance(declared, list) and declared and isinstance(declared[0], dict):
        return bool(declared[0].get("_type") == "Audio")
    if isinstance(declared, dict) and isinstance(declared.get("feature"), dict):
        return bool(declared["feature"].get("_type") == "Audio")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        return False
    return {kind.field(i).name for i in range(kind.num_fields)} == {"bytes", "path"}


def _member(path: str, row: int) -> bytes | None:
    members = tar_members(path, state_of(path))
    if not 0 <= row < len(members):
        return None
    _, offset, size = members[row]
    with open_regular(path) as file:
        file.seek(offset)
        return file.read(size)


def _cell(path: str, kind: str, row: int, slot: int) -> bytes | None:
    state = state_of(path)
    sizes = page_sizes(path, kind, state)
    page = 0
    while page < len(sizes) and row >= sizes[page]:
        row, page = row - sizes[page], page + 1
    if page == len(sizes) or row < 0:
        raise AudioError("missing", f"the shard has no row {row + sum(sizes)}")
    cells = _page(path, kind, state, page)[row]
    return cells[slot] if 0 <= slot < len(cells) else None


@lru_cache(maxsize=4096)
def page_sizes(path: str, kind: str, state: tuple[int, ...]) -> tuple[int, ...]:
    """Rows of each row group (Parquet) or record batch (Arrow); `state` changes with the file."""
    if kind == "arrow":
        return tuple(batch.num_rows for batch in _batches(path, state))
    import pyarrow.parquet as pq

    found = pq.read_metadata(path)
    return tuple(found.row_group(group).num_rows for group in range(found.num_row_groups))


def _batches(path: str, state: tuple[int, ...]) -> Sequence[Any]:
    return _arrow(path, state)[1]


@lru_cache(maxsize=16)
def _arrow(path: str, state: tuple[int, ...]) -> tuple[Any, Sequence[Any]]:
    """Schema and record batches of an Arrow file, mapped into memory; there may be no batch."""
    import pyarrow as pa

    source = pa.memory_map(path)
    opened = pa.ipc.open_file if bytes(source.read(6)) == b"ARROW1" else pa.ipc.open_stream
    source.seek(0)
    reader = opened(source)
    return reader.schema, reader.read_all().to_batches()


def read_columns(path: str, kind: str, page: int, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Some columns of one page as plain values."""
    if kind == "arrow":
        batch = _batches(path, state_of(path))[page]
        return {name: batch.column(name).to_pylist() for name in columns}
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read_row_group(page, columns=list(columns), use_threads=False)
        return {name: table.column(name).to_pylist() for name in columns}


def schema_of(path: str, kind: str) -> Any:
    """The Arrow schema of a table."""
    if kind == "arrow":
        return _arrow(path, state_of(path))[0]
    import pyarrow.parquet as pq

    return pq.read_schema(path)


def _page(path: str, kind: str, state: tuple[int, ...], page: int) -> list[list[bytes | None]]:
    """The encoded bytes of every audio cell of one page, by row."""
    key = (path, page, *state)
    found = _pages.get(key) or _last.get(key)
    if found is not None:
        return found
    found = []
    names = audio_columns(schema_of(path, kind))
    columns = read_columns(path, kind, page, names)
    for values in zip(*columns.values(), strict=True):
        found.append([cell.get("bytes") for value in values for cell in cells_of(value)])
    _pages.put(key, found, sum(len(data or b"") for cells in found for data in cells))
    _last.clear()
    _last[key] = found
    return found
