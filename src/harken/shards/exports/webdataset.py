"""webdataset: tar shards with an item's clips and its JSON under one key.

``<id>.0.flac``, ``<id>.1.flac`` … and ``<id>.json``, which is the item as harken writes it. Shards
have `SHARD` items; a shard is the same bytes for the same items.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from harken.files import part_of, settle
from harken.shards.exports.base import ExportFormat, ExportRow, loses_nothing
from harken.shards.exports.conversation import MEDIA, conversation, unsaid
from harken.shards.exports.files import dumped

SHARD = 1000
"""Items in a shard."""


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    counts: dict[str, int] = {}
    shards: dict[str, _Shards] = {}
    with ExitStack() as stack:
        for row in rows:
            if row.split not in shards:
                shards[row.split] = _Shards(folder, row.split, counts, stack)
            shards[row.split].add(row)
        for own in shards.values():
            own.close()
    return counts


class _Shards:
    """The shards of one split, of which one is open; `stack` closes it after an error."""

    def __init__(self, folder: Path, split: str, counts: dict[str, int], stack: ExitStack) -> None:
        self._folder, self._split = folder, split
        self._counts, self._stack = counts, stack
        self._number = 0
        self._path = folder
        self._tar: tarfile.TarFile | None = None

    def add(self, row: ExportRow) -> None:
        """Write an item, into a new shard if the open one is full."""
        if self._tar is None or self._counts[self._path.name] == SHARD:
            self.close()
            self._tar = self._opened()
        for number, file in enumerate(row.audio):
            name = f"{row.item.id}.{number}{file.file.suffix.lower()}"
            _add(self._tar, name, file.file.read_bytes())
        _add(self._tar, f"{row.item.id}.json", dumped(_about(row)).encode())
        self._counts[self._path.name] += 1

    def _opened(self) -> tarfile.TarFile:
        self._path = self._folder / f"{self._split}-{self._number:06d}.tar"
        self._number += 1
        self._counts[self._path.name] = 0
        return self._stack.enter_context(
            tarfile.open(part_of(self._path), "w", format=tarfile.USTAR_FORMAT)
        )

    def close(self) -> None:
        """Complete the open shard."""
        if self._tar is not None:
            self._tar.close()
            settle(self._path)
            self._tar = None


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file; time and owner are 0, so that the same items are the same bytes."""
    head = tarfile.TarInfo(name)
    head.size = len(data)
    tar.addfile(head, io.BytesIO(data))


def _about(row: ExportRow) -> dict[str, Any]:
    """The item without what only harken needs, and its messages."""
    kept = {n: v for n, v in row.item.to_dict().items() if n not in ("clips", "history", "plan")}
    messages = [
        {"role": said.role, "content": said.text(lambda _: "<audio>")} for said in conversation(row)
    ]
    return {**kept, "messages": messages}


FORMAT = ExportFormat(
    "webdataset",
    "webdataset: tar shards of clips and JSON",
    write,
    partial(unsaid, tags=MEDIA),
    loses_nothing,
    "webdataset.WebDataset('train-{000000..000009}.tar')",
)
