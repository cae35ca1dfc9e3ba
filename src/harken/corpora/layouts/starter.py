"""The generated starter corpus (`harken.corpora.starter.generate`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harken.corpora.base import Entry, Layout, Reject
from harken.corpora.layouts import manifest
from harken.corpora.starter.generate import MARKER


def matches(root: Path) -> bool:
    """``starter.json`` is there."""
    return (root / MARKER).is_file()


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """The lines of the manifest."""
    yield from manifest.entries(root)


LAYOUT = Layout(
    "starter", "the generated starter corpus, known by its starter.json", matches, entries
)
