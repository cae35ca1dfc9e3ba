"""silence: every clip replaced by zeros of the same length."""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each
from harken.ask.conditions.clip import minus

CONDITION = Condition(
    "silence",
    "silence of the same length",
    each(lambda item: minus(item, ())),
    control=True,
)
