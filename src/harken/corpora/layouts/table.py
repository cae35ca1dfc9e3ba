"""A table of any name beside the recordings, such as ``labels.csv``: read as a manifest is.

A folder without a ``manifest`` or ``metadata`` file may still hold a table that lists its
recordings. It is taken for one if its heading names a column of paths and one of its rows
names a file that is there; otherwise the folder's names would be the labels, and the table's would
be lost. Several such tables are read together (``train.csv``, ``test.csv``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from harken.corpora.base import Entry, Layout, Reject
from harken.corpora.layouts import manifest
from harken.errors import DataError

_SUFFIXES = (".csv", ".tsv", ".jsonl")
_LOOKED_AT = 10_000
"""Rows whose files are looked for."""


def lists(root: Path) -> list[Path]:
    """The tables in a folder that list recordings in it, by name.

    Raises:
        DataError: one with a column of paths cannot be read.
    """
    return [
        path
        for path in sorted(root.iterdir())
        if path.suffix.lower() in _SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and manifest.has_paths(path)
        and _names_a_file(root, path)
    ]


def _names_a_file(root: Path, path: Path) -> bool:
    for _, row in islice(manifest.rows(path), _LOOKED_AT):
        if (name := manifest.path_of(row)) and (root / name).is_file():
            return True
    return False


def matches(root: Path) -> bool:
    """There is a table that lists recordings, or one that may do so and cannot be read."""
    try:
        return bool(lists(root))
    except DataError:
        return True


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """As `harken.corpora.layouts.manifest.entries`.

    Raises:
        DataError: there is no such table, or it cannot be read as a whole.
    """
    found = lists(root)
    if not found:
        raise DataError(
            "no table in the folder names recordings in it",
            where=root.name,
            hint="Give it a column of paths, relative to the folder: path,label.",
        )
    yield from manifest.read_lists(root, found)


LAYOUT = Layout(
    "table",
    "recordings listed in a .csv, .tsv or .jsonl of any name, whose paths are found",
    matches,
    entries,
    generic=True,
)
