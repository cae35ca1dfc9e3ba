"""exact: the same audio, byte for byte, and the same text."""

from __future__ import annotations

from collections.abc import Sequence

from harken.clean.base import HygieneFilter, Judgement, NoSettings, copies, of
from harken.clean.texts import same_text
from harken.clean.workspace import Workspace
from harken.hashing import canonical, digest
from harken.item import Item


def judge(items: Sequence[Item], settings: NoSettings, workspace: Workspace) -> Judgement:
    """Drop items whose clips have the same bytes and spans, and that ask the same.

    White space and the order of the options do not count, nor where a file lies.
    """
    keys = [
        digest(canonical([[workspace.content(clip) for clip in item.clips], same_text(item)]), 32)
        for item in items
    ]
    found = Judgement()
    for place, (held, _) in copies(items, lambda place: [keys[place]]).items():
        found.drop(place, items[place], "an exact duplicate", of(items[held]))
    return found


FILTER = HygieneFilter(
    "exact", "drops items with the same audio, byte for byte, and the same text", judge,
    default=True,
)  # fmt: skip
