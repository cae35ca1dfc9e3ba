"""`dataset.json`: what a dataset folder holds. Written last, it marks a complete dataset."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.files import write_json
from harken.hashing import SEAL, canonical, digest, seal_fits, sealed
from harken.parsing import load_json
from harken.shards.schema import SCHEMA_VERSION, stored_folder

AUDIO_ROOT = "audio-root"
"""Name of the note of a run that says where audio was looked up that is not beside its items."""

MARKER = "dataset.json"


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """One Parquet file: its name, the unit it holds, rows, bytes and SHA-256 (hex)."""

    file: str
    key: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Info:
    """All of `dataset.json`.

    Attributes:
        name: the dataset's name.
        items: number of items.
        counts: items by split, by task and by contribution label (``""``: none given).
        licences: items by licence.
        embedded: whether audio was to be embedded in the shards.
        root: folder that audio paths are relative to; itself relative to the dataset's folder, or
            absolute where the two share nothing.
        plan: what the dataset was made from (JSON-able); None if not stated.
        fingerprint: hash of name, plan, units and write settings; a resumed write must match it.
        shards: the files in order.
        steps: for filtered datasets, the counts of `run_steps`.
        schema: version of the columns.
    """

    name: str
    items: int
    counts: dict[str, dict[str, int]]
    licences: dict[str, int]
    embedded: bool
    root: str
    plan: Any
    fingerprint: str
    shards: tuple[ShardInfo, ...]
    steps: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION

    @property
    def digest(self) -> str:
        """16 hex digits over the hashes of all shards: identifies the content elsewhere."""
        return digest(canonical([shard.sha256 for shard in self.shards]))

    def write(self, folder: Path) -> None:
        """Write `dataset.json` into `folder`."""
        write_json(folder / MARKER, sealed({"schema": self.schema, **asdict(self)}))


def read_info(folder: Path) -> Info:
    """Read `dataset.json`; raises DataError if it is absent, damaged or newer than this harken."""
    path = folder / MARKER
    if not folder.is_dir():
        raise DataError("there is no dataset folder", where=str(folder), hint="Check the path.")
    if not path.is_file():
        raise DataError(
            f"the folder has no {MARKER}: it is not a dataset, or writing it was interrupted",
            where=str(folder),
            hint="Run the command that makes it again: finished shards are kept. Of a folder of "
            "recordings, `harken synth FOLDER -o items` makes a dataset.",
        )
    try:
        raw = load_json(path)
        version = int(raw["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    if version > SCHEMA_VERSION:
        raise DataError(
            f"the dataset has schema {version}; this harken reads up to {SCHEMA_VERSION}",
            where=str(path),
            hint="Install a newer harken, or write the dataset again with this one.",
        )
    if not seal_fits(raw):
        raise _damaged(path, ValueError("its checksum does not fit its content"))
    raw.pop(SEAL, None)
    try:
        return Info(**{**raw, "shards": tuple(ShardInfo(**one) for one in raw["shards"])})
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{MARKER} is damaged ({type(error).__name__}: {error})",
        where=str(path),
        hint="Delete it and run the command that makes the dataset again.",
    )


def recorded_root(folder: Path, root: Path | None) -> tuple[Path, str]:
    """The absolute root and its stored form; without `root`, the folder itself."""
    whole = os.path.abspath(folder if root is None else root)
    return Path(whole), stored_folder(whole, os.path.abspath(folder))
