"""What was compared, and whether that is enough to say that nothing leaked: a pass needs evidence.

Silence proves nothing where nothing was heard. Each side counts the items that could be compared by
sound, by text and by source; `verdict` says which of three things was found: leaks, no leaks, or
that too little was checked to tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from harken.leaks.read import ComparedItem

SOUND = ("bytes", "samples", "print")
WAYS = {"sound": SOUND, "text": ("text",), "source": ("source", "name", "near")}
"""Ways to compare, with the kinds of match that each gives."""

LEAKED, CLEAN, UNCHECKED = "leaked", "none found", "not checked"
MAX_UNHEARD = 0.1
"""Largest share of a side's items with clips that may go unheard in a pass."""


@dataclass(slots=True)
class Side:
    """Counts of one side: the training set or the benchmark.

    Attributes:
        items: all items.
        clips: all clips.
        questions: items with words.
        sounding: items with clips.
        unheard: those with a clip that could not be decoded.
        named: items with names, ids or speakers.
        unreadable: clips that could not be decoded, by reason.
    """

    items: int = 0
    clips: int = 0
    questions: int = 0
    sounding: int = 0
    unheard: int = 0
    named: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)

    def count(self, entry: ComparedItem, faults: Sequence[str]) -> None:
        """Count an item; `faults`: for each of its clips why it cannot be decoded, or empty."""
        failed = [one for one in faults if one]
        self.items += 1
        self.clips += len(faults)
        self.questions += bool(entry.question)
        self.sounding += bool(faults)
        self.unheard += bool(failed)
        self.named += bool(entry.names or entry.speakers)
        self.unreadable.update(failed)

    def by(self, way: str) -> int:
        """How many items can be compared in one of `WAYS`."""
        found = {
            "sound": self.sounding - self.unheard,
            "text": self.questions,
            "source": self.named,
        }
        return found[way]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "items": self.items,
            "clips": self.clips,
            "questions": self.questions,
            "unheard": self.unheard,
            "unreadable": dict(sorted(self.unreadable.items())),
        }


def compared(bench: Side, train: Side, checks: Collection[str], generic: int) -> dict[str, int]:
    """Way -> benchmark items that were compared in it; 0 where the training set has nothing to.

    Args:
        bench: counts of the benchmark.
        train: of the training set.
        checks: kinds of match that were looked for.
        generic: questions of the benchmark without words of their own.
    """
    return {
        way: max(0, bench.by(way) - (generic if way == "text" else 0)) if train.by(way) else 0
        for way, kinds in WAYS.items()
        if set(kinds) & set(checks)
    }


def missing(
    bench: Side, train: Side, found: dict[str, int], named: bool, max_unheard: float
) -> list[str]:
    """Why too little was compared for a pass, one sentence each; empty if enough was.

    Args:
        bench: counts of the benchmark.
        train: of the training set.
        found: as from `compared`.
        named: whether the kinds of match were named one by one: then each way must have compared
            something. Else what one side does not have, such as audio, need not be compared.
        max_unheard: see `MAX_UNHEARD`.
    """
    lines = []
    if "sound" in found and bench.sounding and train.sounding:
        for name, side in (("test", bench), ("training", train)):
            if side.unheard > max_unheard * side.sounding:
                lines.append(
                    f"{side.unheard:,} of {side.sounding:,} {name} items with clips could not be "
                    "heard"
                )
    if named:
        lines += [
            f"no test item could be compared by {way}"
            for way, items in found.items()
            if not items and not (lines and way == "sound")
        ]
    elif not any(found.values()) and not lines:
        lines.append("no test item could be compared in any way")
    return lines


def verdict(leaked: Sequence[str], lacks: Sequence[str]) -> str:
    """One of `LEAKED`, `CLEAN`, `UNCHECKED`; a leak that was found is one, whatever is lacking."""
    if leaked:
        return LEAKED
    return UNCHECKED if lacks else CLEAN
