"""Items of a stage that are held out of its training, so that it can be measured on them.

No recording is on both sides: an item that uses recordings of both is on neither.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harken.audio.clip import pieces
from harken.hashing import canonical, digest
from harken.item import Item


@dataclass(frozen=True, slots=True)
class Parts:
    """The items of a stage.

    Attributes:
        train, held_out: in the order given.
        left_out: reason -> how many are on neither side.
    """

    train: tuple[Item, ...]
    held_out: tuple[Item, ...]
    left_out: Mapping[str, int]

    def counts(self) -> dict[str, Any]:
        """JSON values: numbers of items, and the ids of those held out."""
        return {
            "train": len(self.train),
            "held_out": len(self.held_out),
            "left_out": dict(self.left_out),
            "held_out_ids": [item.id for item in self.held_out],
        }


def hold_out(
    items: Sequence[Item], unusable: Callable[[Item], str], share: float, most: int, seed: int
) -> Parts:
    """Divide `items` by recording.

    Args:
        items: to be divided.
        unusable: why an item is used on neither side; empty if it is used.
        share: of the recordings that are held out: at least one if it is above 0 and there are two.
        most: most recordings that are held out.
        seed: of the choice; a recording's place in it depends on seed and recording only.
    """
    left_out: Counter[str] = Counter()
    usable: list[tuple[Item, frozenset[str]]] = []
    for item in items:
        if reason := unusable(item):
            left_out[reason] += 1
        else:
            usable.append((item, sources(item)))
    known = sorted({name for _, names in usable for name in names}, key=lambda n: _rank(seed, n))
    count = min(most, math.ceil(share * len(known))) if share and len(known) > 1 else 0
    held = frozenset(known[: min(count, len(known) - 1)])
    train, held_out = [], []
    for item, names in usable:
        if names <= held:
            held_out.append(item)
        elif names & held:
            left_out["recordings of both sides"] += 1
        else:
            train.append(item)
    return Parts(tuple(train), tuple(held_out), dict(sorted(left_out.items())))


def sources(item: Item) -> frozenset[str]:
    """The recordings of an item; where it names none, its files and those that scenes are mixed of.

    Spans of one file are one recording. Of clips without files, such as silence, it is the clip.
    """
    return frozenset(item.recordings or files(item) or (clip.key for clip in item.clips))


def files(item: Item) -> frozenset[str]:
    """The files of an item's clips, and those that scenes are mixed of: by hash, else by path."""
    found = (piece for clip in item.clips for piece in pieces(clip) if piece.plan is None)
    return frozenset(
        one.sha256 or f"{one.path}:{one.row}:{one.slot}" for one in found if one.sha256 or one.path
    )


def heard(item: Item) -> frozenset[str]:
    """All by which recordings of an item may be known in another set: names and files."""
    return files(item).union(item.recordings)


def _rank(seed: int, name: str) -> str:
    return digest(canonical([seed, name]), 32)
