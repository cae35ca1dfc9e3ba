"""Formats of training sets by name, and which of them a file or folder has."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from harken import progress
from harken.errors import DataError
from harken.item import Item
from harken.listed import listed
from harken.registry import PluginWarning, Registry
from harken.shards.formats.base import DatasetFormat
from harken.shards.formats.items import Reading
from harken.shards.formats.rows import head, json_rows
from harken.shards.jsonl import fault_list

FORMATS: Registry[DatasetFormat] = Registry(
    "dataset format",
    {
        # The order is that of recognition: what is told apart by more goes first.
        "audiomcq": "harken.shards.formats.audiomcq:FORMAT",
        "nemo": "harken.shards.formats.nemo:FORMAT",
        "llama-factory": "harken.shards.formats.llama_factory:FORMAT",
        "ms-swift": "harken.shards.formats.ms_swift:FORMAT",
        "hf-datasets": "harken.shards.formats.hf_datasets:FORMAT",
    },
    group="formats",
    shape="harken.shards.formats.base:DatasetFormat",
)


def recognise(path: Path) -> DatasetFormat | None:
    """The first format that matches; None for harken's own datasets and everything unknown.

    Formats from outside the package are tried before its own; one that fails is told and skipped.
    """
    if not path.is_file() and not path.is_dir():
        return None  # a pipe would wait for what nobody writes
    rows = head(path)
    known = [(FORMATS.is_built_in(one.name), one) for one in FORMATS.members()]
    for own, one in sorted(known, key=lambda pair: pair[0]):
        try:
            if one.matches(path, rows):
                return one
        except Exception as error:
            if own:
                raise
            fault = f"{type(error).__name__}: {error} ({FORMATS.origin(one.name)})"
            told = f"the dataset format {one.name!r} is left out: {fault}"
            warnings.warn(told, PluginWarning, stacklevel=2)
    return None


def unknown(path: Path) -> DataError:
    """Why a file that no format matches cannot be read.

    Raises:
        DataError: it is no JSON at all.
    """
    first = next((row for _, row in json_rows(path)), None) if path.suffix == ".json" else None
    keys = listed(list(map(str, first)), 12) if isinstance(first, Mapping) else ""
    return DataError(
        "the file has none of the known formats" + (f"; its first row has {keys}" if keys else ""),
        where=str(path),
        hint=f"Known: harken's .jsonl, {', '.join(FORMATS)}. A format can be added as a plugin "
        "(docs/plugins.md).",
    )


def read_set(path: Path, found: DatasetFormat, audio_root: Path | None = None) -> Iterator[Item]:
    """The items of a training set, after the whole of it has been checked.

    Args:
        path: the file or folder.
        found: its format.
        audio_root: where audio paths are looked up that are not beside the set.

    Raises:
        DataError: before the first item, with all faults and their places; or there are no items.
    """
    checked = Reading(path, found, audio_root)
    count = sum(1 for _ in checked.items())
    if checked.faults:
        raise fault_list(checked.faults, path, f"read as {found.name}")
    if not count:
        raise DataError(
            f"no items ({'; '.join(checked.told()) or 'no rows'})",
            where=f"{path}, read as {found.name}",
        )
    for note in checked.told():
        progress.note(f"{path.name} ({found.name}): {note}")
    return (item for _, item in Reading(path, found, audio_root).items())
