"""silence-30: every clip replaced by 30 s of zeros (AudioMCQ, arXiv 2509.21060)."""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each
from harken.audio.clip import silence
from harken.item import Item


def change(item: Item) -> Item:
    """30 s of zeros in the place of every clip."""
    return item.with_clips([silence(30.0) for _ in item.clips])


CONDITION = Condition("silence-30", "30 s of silence for each clip", each(change), control=True)
