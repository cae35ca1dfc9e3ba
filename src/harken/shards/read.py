"""Reading a dataset folder: items in order, one row group in memory, without audio bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from harken.errors import DataError
from harken.files import sha256_of
from harken.item import Item
from harken.listed import listed
from harken.shards.formats.load import read_set, recognise, unknown
from harken.shards.formats.rows import LINES
from harken.shards.info import MARKER, Info, ShardInfo, read_info
from harken.shards.jsonl import read_jsonl
from harken.shards.schema import AUDIO, LATER, arrow_schema, from_row

CHANGED = "the content is not what was written"


class Dataset:
    """A complete dataset on disk; iterating gives its items in order at constant memory.

    Every shard is hashed once, before its first row is read, and every item's id is compared with
    its content: a damaged shard is a DataError, never other items.

    Attributes:
        folder: the dataset's folder.
        info: the contents of `dataset.json`.
        root: absolute folder that stored audio paths are relative to.
    """

    def __init__(self, folder: Path, info: Info) -> None:
        """Use `open_dataset`, which checks that the dataset is complete."""
        self.folder = folder
        self.info = info
        self.root = Path(os.path.normpath(os.path.join(os.path.abspath(folder), info.root)))
        self._index: tuple[Any, Any] | None = None
        self._whole: set[str] = set()  # shards whose hash was compared

    def __len__(self) -> int:
        """Number of items."""
        return self.info.items

    def __iter__(self) -> Iterator[Item]:
        """All items in order."""
        return self.items()

    def items(self, *, split: str | None = None, task: str | None = None) -> Iterator[Item]:
        """The items in order, of one split or task if given; one row group in memory."""
        for shard in self.info.shards:
            path = self._path(shard)
            for start, rows in self._groups(shard, None):
                for offset, row in enumerate(rows):
                    if split is not None and row["split"] != split:
                        continue
                    if task is not None and row["task"] != task:
                        continue
                    yield self._item(row, path, start + offset)

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Some columns of every row as plain values, for tables and counts; raises DataError."""
        unknown = sorted(set(columns) - set(arrow_schema().names))
        if unknown:
            raise DataError(f"no such column: {', '.join(unknown)}", where=str(self.folder))
        for shard in self.info.shards:
            for _, rows in self._groups(shard, list(columns)):
                yield from rows

    def get(self, item_id: str) -> Item:
        """The first item with this id; raises DataError if there is none.

        The first call builds an index of 16 bytes an item.
        """
        if self._index is None:
            ids = np.array([int(r["id"], 16) for r in self.rows(["id"])], dtype=np.uint64)
            order = np.argsort(ids, kind="stable")
            self._index = (ids[order], order)
        keys, order = self._index
        try:
            wanted = np.uint64(int(item_id, 16))
            place = int(np.searchsorted(keys, wanted))
        except (ValueError, OverflowError):
            place = len(keys)
        if place >= len(keys) or keys[place] != wanted:
            raise DataError(f"no item has the id {item_id!r}", where=str(self.folder))
        return self._at(int(order[place]))

    def verify(self) -> None:
        """Hash every shard; raises DataError with all that differ from `dataset.json`."""
        bad = [s.file for s in self.info.shards if sha256_of(self._path(s)) != s.sha256]
        if bad:
            raise _damaged(self.folder, ", ".join(bad), CHANGED)
        self._whole.update(shard.file for shard in self.info.shards)

    def _check(self, shard: ShardInfo) -> None:
        """Compare a shard's hash, once, before anything of it is used.

        Parquet pages decode to other values, without an error, when a bit of them is changed.
        """
        if shard.file not in self._whole:
            if sha256_of(self._path(shard)) != shard.sha256:
                raise _damaged(self.folder, shard.file, CHANGED)
            self._whole.add(shard.file)

    def _item(self, row: dict[str, Any], path: Path, number: int) -> Item:
        """The item of a row; raises DataError if it is none, or if its id is that of another."""
        try:
            item = from_row(row, self.root, path, number)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            found = f"row {number} is no item ({type(error).__name__}: {error})"
            raise _damaged(self.folder, path.name, found) from error
        if item.id != row["id"]:
            found = f"row {number} has the id {row['id']}, and its content that of {item.id}"
            raise _damaged(self.folder, path.name, found)
        return item

    def _path(self, shard: ShardInfo) -> Path:
        return Path(os.path.abspath(self.folder)) / shard.file

    def _at(self, number: int) -> Item:
        for shard in self.info.shards:
            if number < shard.rows:
                for start, rows in self._groups(shard, None, number):
                    return self._item(rows[number - start], self._path(shard), number)
            number -= shard.rows
        raise DataError(
            "the shards hold fewer rows than dataset.json states", where=str(self.folder)
        )

    def _groups(
        self, shard: ShardInfo, columns: list[str] | None, holding: int | None = None
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """(number of the first row, rows) of each row group, without the embedded bytes.

        With `holding`, only the group with the row of that number is read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = columns or [name for name in arrow_schema().names if name != AUDIO]
        later = {name: value for name, (since, value) in LATER.items() if self.info.schema < since}
        try:
            self._check(shard)
            with pq.ParquetFile(self._path(shard)) as file:
                there = [name for name in wanted if name in file.schema_arrow.names]
                missing = sorted({*wanted} - {*there} - {*later})
                if missing:
                    raise _damaged(self.folder, shard.file, f"no column {', '.join(missing)}")
                start = 0
                for group in range(file.num_row_groups):
                    size = file.metadata.row_group(group).num_rows
                    if holding is None or start <= holding < start + size:
                        table = file.read_row_group(group, columns=there, use_threads=False)
                        yield start, [{**later, **row} for row in table.to_pylist()]
                    start += size
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.folder, shard.file, str(error).splitlines()[0]) from error


def open_dataset(folder: Path | str, *, verify: bool = False) -> Dataset:
    """Open a complete dataset; raises DataError if it is incomplete, newer, or lacks a shard.

    Sizes of all shards are compared at once; with `verify` their hashes too, else each is hashed
    when it is first read.
    """
    folder = Path(folder)
    info = read_info(folder)
    missing = [s.file for s in info.shards if not (folder / s.file).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(info.shards)} shards are missing: {listed(missing, 5)}",
            where=str(folder),
            hint="Copy the whole folder again, or run the command that makes it: only what is "
            "missing is made.",
        )
    changed = [s.file for s in info.shards if (folder / s.file).stat().st_size != s.bytes]
    if changed:
        raise _damaged(folder, listed(changed, 5), "the size is not what was written")
    dataset = Dataset(folder, info)
    if verify:
        dataset.verify()
    return dataset


_root: ContextVar[Path | None] = ContextVar("audio_root", default=None)


@contextmanager
def audio_below(root: Path | None) -> Iterator[None]:
    """Within the block audio of other programs' sets is looked up in `root` too; None: unchanged.

    For all sets that a command reads: held-out items and items to replay, not its first one only.
    """
    token = _root.set(root or _root.get())
    try:
        yield
    finally:
        _root.reset(token)


def audio_root() -> Path | None:
    """The folder of the innermost `audio_below` block, if there is one."""
    return _root.get()


def read_items(source: Path | str, audio_root: Path | None = None) -> Iterator[Item]:
    """All items of a dataset folder, a file of JSON lines, or another program's training set.

    harken's own are read in order at constant memory. Sets of ms-swift, LLaMA-Factory, Hugging Face
    `datasets`, AudioMCQ and NeMo, and those of plugins, are recognised by their content
    (`harken.shards.formats.load`).

    Args:
        source: the folder or file.
        audio_root: of other programs' sets: where audio paths are looked up that are not beside it;
            else the folder of `audio_below`.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    source, audio_root = Path(source), audio_root or _root.get()
    if (source / MARKER).is_file():
        return open_dataset(source).items()
    if not source.exists():
        raise DataError(
            "there is no such dataset", where=str(source), hint="Make a dataset: harken synth"
        )
    found = recognise(source)
    if found is not None:
        return read_set(source, found, audio_root)
    if source.is_dir():
        return open_dataset(source).items()
    if source.is_file() and source.suffix.lower() not in LINES:
        raise unknown(source)
    return read_jsonl(source)


def _damaged(folder: Path, files: str, why: str) -> DataError:
    return DataError(
        f"damaged: {files} ({why})",
        where=str(folder),
        hint="Delete the damaged shard and dataset.json, then run the command that makes it again.",
    )
