"""swap: another item's clips, as many of them, by a seeded derangement (mismatched audio)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from harken.ask.conditions.base import Condition
from harken.audio.clip import Clip
from harken.item import Item


def swap(items: Sequence[Item], seed: int) -> list[Item | str]:
    """A seeded permutation within equal clip counts in which nobody gets a sound of their own.

    A random permutation is repaired by exchanging donors until no item shares a recording or a clip
    with its donor. Where that fails (one recording everywhere), a free donor is used twice; where
    no donor exists, the item is excluded with a reason.
    """
    sounds = [_sounds(item) for item in items]
    donor: dict[int, int] = {}
    for size in sorted({len(item.clips) for item in items if item.clips}):
        group = [i for i, item in enumerate(items) if len(item.clips) == size]
        donor.update(_derange(group, sounds, np.random.default_rng([seed, crc32(b"swap"), size])))
    found: list[Item | str] = []
    for i, item in enumerate(items):
        if i in donor:
            found.append(replace(item, clips=items[donor[i]].clips))
        elif item.clips:
            found.append(f"no other item has {len(item.clips)} clips, all from other recordings")
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
        for step in range(count):
            other = (starts[at] + step) % count
            repairs = sounds[mine].isdisjoint(sounds[donors[other]])
            if repairs and sounds[group[other]].isdisjoint(sounds[donors[at]]):
                donors[at], donors[other] = donors[other], donors[at]
                break
    found: dict[int, int] = {}
    for at, mine in enumerate(group):
        for step in range(-1, count):
            giver = donors[at] if step < 0 else group[(starts[at] + step) % count]
            if sounds[mine].isdisjoint(sounds[giver]):
                found[mine] = giver
                break
    return found


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
