"""clip-K and clips-J+K: all clips silenced but those with these numbers, counted from 1."""

from __future__ import annotations

import re
from collections.abc import Collection

from harken.ask.conditions.base import Condition, each
from harken.audio.single import silenced
from harken.item import Item

PATTERN = r"clip-([1-9]\d*)|clips-([1-9]\d*(?:\+[1-9]\d*)*)"


def change(item: Item, one: str, several: str) -> Item | str:
    """`item` with all other clips silenced, or why it has not got these clips."""
    kept = _positions(one or several)
    if kept[-1] >= len(item.clips):
        return f"the item has no clip {kept[-1] + 1}"
    return minus(item, kept)


def says(one: str, several: str) -> str:
    """What is left to be heard."""
    return f"only clip {(one or several).replace('+', ' and ')} audible, the others silenced"


def clips_kept(name: str) -> tuple[int, ...]:
    """The clip positions (from 0) that ``clip-K`` and ``clips-J+K`` leave; () for other names."""
    match = re.fullmatch(PATTERN, name)
    return _positions(match.group(1) or match.group(2)) if match else ()


def _positions(numbers: str) -> tuple[int, ...]:
    return tuple(sorted({int(number) - 1 for number in numbers.split("+")}))


def subset_name(kept: Collection[int], size: int) -> str:
    """The condition that leaves exactly the clip positions `kept` (from 0) of `size` audible."""
    if not kept:
        return "silence"
    if len(set(kept)) == size:
        return "audio"
    return "clips-" + "+".join(str(position + 1) for position in sorted(set(kept)))


def minus(item: Item, subset: Collection[int]) -> Item:
    """`item` with every clip outside `subset` (positions from 0) silenced, lengths unchanged."""
    return item.with_clips(
        [clip if position in subset else silenced(clip) for position, clip in enumerate(item.clips)]
    )


CONDITION = Condition(
    "clip-K",
    "all but clip K silenced; clips-J+K keeps several",
    each(change),
    pattern=PATTERN,
    says=says,
)
