"""source: items whose paths, recordings, licences or plans name certain corpora."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harken.audio.clip import pieces
from harken.clean.base import HygieneFilter, each, names_of, need
from harken.item import Item

_PLAN_KEYS = ("audio_names", "source", "source_dataset", "dataset", "corpus")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Which corpora are left out.

    Attributes:
        names: of corpora, separated by bars: ``AudioCaps|ESC-50``. Case, and what separates words,
            do not count: ``audio_caps/test`` names AudioCaps, ``recaps`` does not name CAPS.
    """

    names: str = ""

    def __post_init__(self) -> None:
        """Refuse no names."""
        need(names_of(self.names), "source", "names", "AudioCaps|ESC-50")


def test(item: Item, settings: SourceSettings) -> tuple[str, str] | None:
    """Why the item is dropped, if a name of a corpus is in what is known of its source."""
    for name in names_of(settings.names):
        wanted = "".join(_tokens(name))
        for text in _sources(item):
            if wanted and _names(text, wanted):
                return f"audio of {name}", text
    return None


def _sources(item: Item) -> Iterator[str]:
    """All that says where an item's audio comes from."""
    for clip in item.clips:
        yield from (piece.path for piece in pieces(clip) if piece.path)
    yield from item.recordings
    yield item.licence
    for key in _PLAN_KEYS:
        held = item.plan.get(key)
        yield from map(str, held if isinstance(held, list | tuple) else [held] if held else [])


def _names(text: str, wanted: str) -> bool:
    """Whether neighbouring words of a text, joined, are `wanted`."""
    tokens = _tokens(text)
    for start in range(len(tokens)):
        joined = ""
        for token in tokens[start:]:
            joined += token
            if joined == wanted:
                return True
            if len(joined) >= len(wanted):
                break
    return False


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


FILTER = HygieneFilter(
    "source",
    "drops items whose paths, recordings or licences name a corpus (source?names=AudioCaps|ESC-50)",
    each(test),
    SourceSettings,
)
