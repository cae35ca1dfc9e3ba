"""Items of a set that a training reads more than once: to hold some out, and to train on the rest.

A set of hundreds of thousands of items takes minutes to read, so within a `reading_once` block it
is read once, and a long reading shows how far it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from harken.files import real_path
from harken.item import Item
from harken.progress import track
from harken.shards.info import MARKER
from harken.shards.read import audio_root as audio_root_below
from harken.shards.read import open_dataset, read_items

SHOWN = 20_000
"""Reading a dataset of so many items is shown; fewer take seconds."""

_known: ContextVar[dict[tuple[Path, Path | None], tuple[Item, ...]] | None] = ContextVar(
    "known", default=None
)


@contextmanager
def reading_once() -> Iterator[None]:
    """Within the block `all_items` reads each set once, and keeps its items."""
    token = _known.set({} if _known.get() is None else _known.get())
    try:
        yield
    finally:
        _known.reset(token)


def all_items(source: Path, audio_root: Path | None = None) -> tuple[Item, ...]:
    """All items of anything that `harken.shards.read.read_items` takes.

    Raises:
        DataError: see `read_items`.
    """
    own = (source / MARKER).is_file()  # its audio is where it says
    root = None if own else audio_root or audio_root_below()
    known, key = _known.get(), (real_path(source), root)
    if known is not None and key in known:
        return known[key]
    found = tuple(_read(source, audio_root))
    if known is not None:
        known[key] = found
    return found


def _read(source: Path, audio_root: Path | None) -> Iterator[Item]:
    total = len(open_dataset(source)) if (source / MARKER).is_file() else 0
    items = read_items(source, audio_root)
    return track(items, f"reading {source.name}", total) if total >= SHOWN else items
