"""Short sound effects with a text file of metadata each: ``whoosh3.mp3`` and ``whoosh3.txt``.

The label is the file name without its number. The text file has lines ``Key: value``;
``License-URL`` gives the licence and ``Sound-Origin`` the source recording, so that the same
Freesound recording has the same id in another corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import label, sole_licence
from harken.corpora.tables import read_text
from harken.errors import DataError


def matches(root: Path) -> bool:
    """Text files of metadata with ``License-Name``."""
    texts = list(islice(root.glob("*.txt"), 5))
    return bool(texts) and all("License-Name:" in _read(metadata) for metadata in texts)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every effect with its label, source and licence."""
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        metadata = _read((root / path).with_suffix(".txt"))
        origin = re.search(r"^Sound-Origin:\s*(\S+)", metadata, re.MULTILINE)
        stem = PurePath(path).stem
        yield Entry(
            path,
            id=source_id(origin[1]) if origin else "",
            labels=(label(re.sub(r"[\d_\- ]+$", "", stem) or stem),),
            licence=sole_licence(metadata),
        )


def source_id(address: str) -> str:
    """``"https://freesound.org/s/57806/"`` -> ``"freesound:57806"``; else the address itself."""
    match = re.search(r"freesound\.org/(?:s|people/[^/]+/sounds)/(\d+)", address)
    return f"freesound:{match[1]}" if match else address


def _read(metadata: Path) -> str:
    """At most 64 KiB of a metadata file; empty if there is none."""
    if not metadata.is_file():
        return ""
    try:
        return read_text(metadata, 1 << 16)
    except DataError:
        return ""


LAYOUT = Layout("soundfx", "short effects with a card of text beside each", matches, entries)
