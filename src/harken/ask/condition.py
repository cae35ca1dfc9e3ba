"""Conditions: what becomes of an item's clips before it is asked. No adapter knows it is under one.

==================  ================================================================
``audio``           the item as it is
``none``            no audio part at all: the prompt has no trace of clips
``silence``         every clip replaced by zeros of the same length
``silence-30``      every clip replaced by 30 s of zeros (AudioMCQ, arXiv 2509.21060)
``swap``            another item's clips, as many of them, by a seeded derangement
``clip-2``          all but clip 2 silenced (any number from 1)
``clips-1+3``       all but clips 1 and 3 silenced (what Shapley shares are made of)
``fragment-2of4``   of every clip only its second quarter (arXiv 2604.24401)
``transcript``      in place of every clip, what a named recogniser understood of it
``caption``         in place of every clip, what a named captioner wrote of it
==================  ================================================================

The last two leave the item as it is; `harken.ask.plan` writes the words into its prompt.

An item that a condition cannot be put on is not changed and not skipped in silence: it comes back
paired with None, and the reason is written down.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from harken.audio.clip import RATE_HZ, Clip, silence
from harken.audio.load import duration_s, silenced, span
from harken.errors import AudioError, ConfigError
from harken.item import Item

CONDITIONS: dict[str, str] = {
    "audio": "the item as it is",
    "none": "no audio part at all",
    "silence": "zeros of the same length",
    "silence-30": "30 s of zeros for every clip (AudioMCQ)",
    "swap": "another item's clips, as many of them",
    "clip-1": "all but clip 1 silenced; likewise clip-2, clip-3, … and clips-1+3",
    "fragment-1of4": "the first quarter of every clip; fragment-4 stands for all four quarters",
    "transcript": "a recogniser's words in place of every clip",
    "caption": "a captioner's words in place of every clip",
}
"""Name -> what it does. ``clip-k`` and ``clips-j+k`` take any clip numbers from 1."""

WORDS = ("transcript", "caption")
"""The conditions that need a listener."""
_MOST_CUTS = 100

Pair = tuple[Item, Item | None]
"""(original, the item under the condition, or None where it cannot be put under it)."""


def named(names: Sequence[str]) -> list[str]:
    """Condition names as asked for, in full: ``fragment-4`` becomes its four parts; none twice.

    Raises ConfigError for a name that is no condition.
    """
    found: list[str] = []
    for name in names:
        cuts = re.fullmatch(r"fragment-([1-9]\d*)", name)
        if cuts:
            size = int(cuts.group(1))
            found += [f"fragment-{part}of{size}" for part in range(1, size + 1)]
        else:
            found.append(name)
    for name in found:
        clips_kept(name)
    return list(dict.fromkeys(found))


def conditioned(
    items: Sequence[Item], name: str, seed: int = 0, reasons: dict[str, str] | None = None
) -> list[Pair]:
    """Put `items` under the condition called `name`, in order, each paired with its original.

    Args:
        items: the originals.
        name: see the table above.
        seed: decides who swaps with whom; the other conditions ignore it.
        reasons: if given, receives item id -> why it could not be put under the condition.

    Raises:
        ConfigError: no condition has this name.
    """
    reasons = {} if reasons is None else reasons
    if name == "swap":
        return _swap(items, seed, reasons)
    kept, cut = clips_kept(name), fragment_of(name)
    pairs: list[Pair] = []
    for item in items:
        found: Item | str
        try:
            found = _changed(item, name, kept, cut)
        except AudioError as error:  # its length is needed, and it cannot be read
            found = f"audio: {error.reason}: {error.found}"
        if isinstance(found, str):
            reasons[item.id] = found
        pairs.append((item, None if isinstance(found, str) else found))
    return pairs


def _changed(
    item: Item, name: str, kept: tuple[int, ...], cut: tuple[int, int] | None
) -> Item | str:
    """The item under the condition, or why it cannot be put under it."""
    if name == "audio":
        return item
    if name == "none":
        return replace(item, clips=())
    if not item.clips:
        return "the item has no clips"
    if name in WORDS:
        return item
    if cut is not None:
        return _cut(item, *cut)
    if name == "silence-30":
        return replace(item, clips=tuple(silence(30.0) for _ in item.clips))
    if any(position >= len(item.clips) for position in kept):
        return f"the item has no clip {max(kept) + 1}"
    return minus(item, kept)


def clips_kept(name: str) -> tuple[int, ...]:
    """The clip positions (from 0) that ``clip-k`` and ``clips-j+k`` leave audible; () otherwise.

    Raises ConfigError for a name that is no condition.
    """
    if (name in CONDITIONS and not name.startswith("clip")) or fragment_of(name) is not None:
        return ()
    match = re.fullmatch(r"clip-([1-9]\d*)|clips-([1-9]\d*(?:\+[1-9]\d*)*)", name)
    if match is None:
        hint = "Known: " + ", ".join(CONDITIONS)
        if "," in name:
            hint = "Name each by itself: --condition " + " --condition ".join(name.split(","))
        raise ConfigError(f"no condition is called {name!r}", hint=hint)
    numbers = match.group(1) or match.group(2)
    return tuple(sorted({int(number) - 1 for number in numbers.split("+")}))


def fragment_of(name: str) -> tuple[int, int] | None:
    """``"fragment-2of4"`` -> (1, 4): the position from 0, and of how many; None for other names."""
    match = re.fullmatch(r"fragment-([1-9]\d*)of([1-9]\d*)", name)
    if match is None:
        return None
    part, size = int(match.group(1)), int(match.group(2))
    if part > size or not 2 <= size <= _MOST_CUTS:
        raise ConfigError(
            f"{name!r} is no part of a clip", hint=f"Use fragment-KofN, N from 2 to {_MOST_CUTS}."
        )
    return part - 1, size


def _cut(item: Item, part: int, size: int) -> Item | str:
    """`item` with only one of `size` equal parts of every clip, or why that cannot be."""
    clips = []
    for clip in item.clips:
        length = duration_s(clip) / size
        if length * RATE_HZ < 1:
            return f"a clip of {duration_s(clip):g} s has no {size} parts"
        clips.append(span(clip, part * length, length))
    return replace(item, clips=tuple(clips))


def subset_name(kept: Collection[int], size: int) -> str:
    """The condition that leaves exactly the clip positions `kept` (from 0) of `size` audible."""
    if not kept:
        return "silence"
    if len(set(kept)) == size:
        return "audio"
    return "clips-" + "+".join(str(position + 1) for position in sorted(set(kept)))


def minus(item: Item, subset: Collection[int]) -> Item:
    """`item` with every clip outside `subset` (positions from 0) silenced, lengths unchanged."""
    return replace(
        item,
        clips=tuple(
            clip if position in subset else silenced(clip)
            for position, clip in enumerate(item.clips)
        ),
    )


def _swap(items: Sequence[Item], seed: int, reasons: dict[str, str]) -> list[Pair]:
    """A seeded permutation within equal clip counts in which nobody gets a sound of their own.

    A random permutation is mended by exchanging donors until no item shares a recording or a clip
    with its donor. Where that fails (one recording everywhere), a free donor is used twice; where
    no donor exists, the item is excluded with a reason.
    """
    sounds = [_sounds(item) for item in items]
    donor: dict[int, int] = {}
    for size in sorted({len(item.clips) for item in items if item.clips}):
        group = [i for i, item in enumerate(items) if len(item.clips) == size]
        donor.update(_derange(group, sounds, np.random.default_rng([seed, crc32(b"swap"), size])))
    pairs: list[Pair] = []
    for i, item in enumerate(items):
        if i in donor:
            pairs.append((item, replace(item, clips=items[donor[i]].clips)))
            continue
        reasons[item.id] = (
            f"no other item has {len(item.clips)} clips, all from other recordings"
            if item.clips
            else "the item has no clips"
        )
        pairs.append((item, None))
    return pairs


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
            mends = sounds[mine].isdisjoint(sounds[donors[other]])
            if mends and sounds[group[other]].isdisjoint(sounds[donors[at]]):
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
