"""swap: another item's clips, as many of them, by a seeded derangement (mismatched audio)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from harken.ask.conditions.base import Condition
from harken.audio.clip import Clip
from harken.item import Item

_TRIES = 128
"""Exchanges tried for one item. A sound that more than one item in so many has is a common one."""


def swap(items: Sequence[Item], seed: int) -> list[Item | str]:
    """A seeded permutation within equal clip counts in which nobody gets a sound of their own.

    A random permutation is repaired by exchanging donors until no item shares a recording or a clip
    with its donor. Where that fails (one recording nearly everywhere), a free donor is used twice;
    where no donor exists, the item is excluded with a reason. The time is linear in the items,
    however many share a recording.
    """
    sounds = [_sounds(item) for item in items]
    donor: dict[int, int] = {}
    for size in sorted({len(item.clips) for item in items if item.clips}):
        group = [i for i, item in enumerate(items) if len(item.clips) == size]
        donor.update(_derange(group, sounds, np.random.default_rng([seed, crc32(b"swap"), size])))
    found: list[Item | str] = []
    for i, item in enumerate(items):
        if i in donor:
            found.append(item.with_clips(items[donor[i]].clips, items[donor[i]].facts))
        elif item.clips:
            clips = "1 clip" if len(item.clips) == 1 else f"{len(item.clips)} clips"
            found.append(f"no other item has {clips}, all from other recordings")
        else:
            found.append("the item has no clips")
    return found


def _derange(
    group: Sequence[int], sounds: Sequence[frozenset[str]], draw: np.random.Generator
) -> dict[int, int]:
    """Receiver -> donor within `group`; receivers without any possible donor are left out."""
    count = len(group)
    donors = [group[int(i)] for i in draw.permutation(count)]
    starts = [int(start) for start in draw.integers(0, count, count)]
    for at, mine in enumerate(group):
        if sounds[mine].isdisjoint(sounds[donors[at]]):
            continue
        for step in range(min(count, _TRIES)):
            other = (starts[at] + step) % count
            repairs = sounds[mine].isdisjoint(sounds[donors[other]])
            if repairs and sounds[group[other]].isdisjoint(sounds[donors[at]]):
                donors[at], donors[other] = donors[other], donors[at]
                break
    found: dict[int, int] = {}
    pools = _Pools(group, sounds)
    for at, mine in enumerate(group):
        if sounds[mine].isdisjoint(sounds[donors[at]]):
            found[mine] = donors[at]
        elif (giver := pools.donor(mine, starts[at])) is not None:
            found[mine] = giver
    return found


class _Pools:
    """Items without the sounds that many have, so that a donor is found without asking all."""

    def __init__(self, group: Sequence[int], sounds: Sequence[frozenset[str]]) -> None:
        """Count how many items of `group` have each sound."""
        held = Counter(sound for one in group for sound in sounds[one])
        least = max(2, len(group) // _TRIES)
        self._common = frozenset(sound for sound, n in held.items() if n >= least)
        self._group, self._sounds = group, sounds
        self._without: dict[frozenset[str], list[int]] = {}

    def donor(self, receiver: int, start: int) -> int | None:
        """An item without any sound of `receiver`, from place `start` on; None if there is none."""
        mine = self._sounds[receiver]
        common = mine & self._common
        if common not in self._without:
            self._without[common] = [
                one for one in self._group if common.isdisjoint(self._sounds[one])
            ]
        pool = self._without[common]
        # What is left to clash are rare sounds: the search ends after a few.
        places = ((start + step) % len(pool) for step in range(len(pool)))
        return next((pool[i] for i in places if mine.isdisjoint(self._sounds[pool[i]])), None)


def _sounds(item: Item) -> frozenset[str]:
    """Everything by which two items could turn out to hold the same sound."""
    return frozenset(item.recordings) | {key for clip in item.clips for key in _keys(clip)}


def _keys(clip: Clip) -> list[str]:
    keys = [clip.key]
    if clip.kind in ("file", "shard") and clip.path:
        keys.append(f"{clip.path}:{clip.row}:{clip.slot}")
    if clip.sha256:
        keys.append(clip.sha256)
    if clip.plan is not None:
        keys += [key for part in clip.plan.parts for key in _keys(part.clip)]
    return keys


CONDITION = Condition("swap", "another item's sound", swap, control=True)
