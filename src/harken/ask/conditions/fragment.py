"""fragment-KofN: of every clip only the K-th of N equal parts (arXiv 2604.24401).

``fragment-N`` stands for all N of them.
"""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each
from harken.audio.clip import RATE_HZ
from harken.audio.single import duration_s, span
from harken.errors import ConfigError
from harken.item import Item

_MOST = 100


def change(item: Item, part: str, size: str, every: str) -> Item | str:
    """`item` with one part of every clip, or why that cannot be."""
    clips, parts = [], int(size)
    for clip in item.clips:
        length = duration_s(clip) / parts
        if length * RATE_HZ < 1:
            return f"a clip of {duration_s(clip):g} s has no {parts} parts"
        clips.append(span(clip, (int(part) - 1) * length, length))
    return item.with_clips(clips)


def expand(part: str, size: str, every: str) -> list[str]:
    """The names of all parts, or of the one; raises ConfigError for a part that does not exist."""
    parts = int(every or size)
    if not 2 <= parts <= _MOST or (part and int(part) > parts):
        name = f"fragment-{every or f'{part}of{size}'}"
        raise ConfigError(
            f"{name!r} is no part of a clip", hint=f"Use fragment-KofN, N from 2 to {_MOST}."
        )
    if part:
        return [f"fragment-{part}of{size}"]
    return [f"fragment-{one}of{parts}" for one in range(1, parts + 1)]


def says(part: str, size: str, every: str) -> str:
    """Which part is left."""
    if every:
        return f"each of {every} equal cuts of each clip"
    return f"only cut {part} of {size} equal cuts of each clip"


CONDITION = Condition(
    "fragment-KofN",
    "only the K-th of N equal cuts of each clip; fragment-N is all of them",
    each(change),
    pattern=r"fragment-(?:([1-9]\d*)of([1-9]\d*)|([1-9]\d*))",
    says=says,
    expand=expand,
)
