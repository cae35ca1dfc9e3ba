"""none: no audio part at all; the prompt has no trace of clips."""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each

CONDITION = Condition(
    "none",
    "no audio at all",
    each(lambda item: item.with_clips(()), without_clips=True),
    control=True,
)
