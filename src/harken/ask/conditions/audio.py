"""audio: the item as it is; one without clips is not asked, since nothing would be heard."""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each

CONDITION = Condition("audio", "the item's own sound", each(lambda item: item))
