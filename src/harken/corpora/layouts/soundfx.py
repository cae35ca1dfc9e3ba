"""Short effects with a card beside each: ``whoosh3.mp3`` and ``whoosh3.txt``.

The label is the file name without its number. The card is lines ``Key: value``; ``License-URL``
gives the licence and ``Sound-Origin`` the source recording, so that the same Freesound recording is
known again in another corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import label, sole_licence


def matches(root: Path) -> bool:
    """Cards that name a licence lie beside sounds."""
    cards = list(islice(root.glob("*.txt"), 5))
    return bool(cards) and all("License-Name:" in _read(card) for card in cards)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every effect with its label, source and licence."""
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        card = _read((root / path).with_suffix(".txt"))
        origin = re.search(r"^Sound-Origin:\s*(\S+)", card, re.MULTILINE)
        stem = PurePath(path).stem
        yield Entry(
            path,
            id=source_id(origin[1]) if origin else "",
            labels=(label(re.sub(r"[\d_\- ]+$", "", stem) or stem),),
            licence=sole_licence(card),
        )


def source_id(address: str) -> str:
    """``"https://freesound.org/s/57806/"`` -> ``"freesound:57806"``; else the address itself."""
    match = re.search(r"freesound\.org/(?:s|people/[^/]+/sounds)/(\d+)", address)
    return f"freesound:{match[1]}" if match else address


def _read(card: Path) -> str:
    """At most 64 KiB of a card; empty when there is none."""
    if not card.is_file():
        return ""
    with card.open(encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16)


LAYOUT = Layout("soundfx", "short effects with a card of text beside each", matches, entries)
