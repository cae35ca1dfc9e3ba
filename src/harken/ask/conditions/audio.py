"""audio: the item as it is."""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each

CONDITION = Condition("audio", "the item's own sound", each(lambda item: item, without_clips=True))
