"""WavCaps: captions written by a language model from descriptions (Mei 2024, arXiv 2303.17395).

Lists ``….json`` of ``{"data": [{"id", "caption", "duration", …}]}``, one for each source
(FreeSound, BBC_Sound_Effects, SoundBible, AudioSet_SL), and sounds named by the id, in any folder.
Captions are weak: they come from titles and descriptions, and nobody listened. For academic use
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import description_of
from harken.corpora.tables import read_text
from harken.errors import DataError
from harken.parsing import parse_json

_SOURCES = {
    "freesound": "freesound",
    "bbc": "bbc",
    "soundbible": "soundbible",
    "audioset": "youtube",
}
LICENCE = "WavCaps, academic use"


def matches(root: Path) -> bool:
    """A list with ``num_captions_per_audio``, up to three folders deep."""
    return any(True for _ in _lists(root))


def _lists(root: Path) -> Iterator[Path]:
    """The lists of the corpus, by path."""
    for path in sorted(p for depth in ("*", "*/*", "*/*/*") for p in root.glob(f"{depth}.json")):
        try:
            if '"num_captions_per_audio"' in read_text(path, 4096):
                yield path
        except DataError:
            continue


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """Every sound with its caption; of rows without a file the number is told."""
    known: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in _lists(root):
        source = _source(path)
        try:
            rows = parse_json(read_text(path)).get("data") or []
        except (ValueError, AttributeError) as error:
            yield Reject(str(path.relative_to(root)), "bad-row", f"not JSON as published: {error}")
            continue
        for number, row in enumerate(rows):
            if not isinstance(row, dict) or row.get("id") in (None, ""):
                yield Reject(f"{path.relative_to(root)}:{number}", "bad-row", "it has no id")
                continue
            known[_stem(str(row["id"]))] = (source, row)
    seen = set()
    for found in audio_paths(root):
        if isinstance(found, Reject):
            yield found
            continue
        stem = PurePath(found).stem
        seen.add(stem)
        source, row = known.get(stem, ("", {}))
        duration = row.get("duration")
        yield Entry(
            found,
            id=f"{source}:{stem}" if source else "",
            captions=tuple(filter(None, [str(row.get("caption") or "")])),
            description=description_of(row),
            licence=LICENCE if source else "",
            stated_s=float(duration) if isinstance(duration, int | float) else None,
        )
    if absent := len(known.keys() - seen):
        yield f"{absent} of {len(known)} sounds in the lists are not here"


def _source(path: Path) -> str:
    """Where the sounds of a list come from, by the name of the list and its folder."""
    name = f"{path.parent.name}/{path.stem}".lower()
    return next((own for part, own in _SOURCES.items() if part in name), "wavcaps")


def _stem(name: str) -> str:
    """An id without a suffix; AudioSet's begin with ``Y`` and end in ``.wav``."""
    return re.sub(r"\.(wav|flac|mp3)$", "", name)


LAYOUT = Layout("wavcaps", "WavCaps: weak captions of web sounds", matches, entries)
