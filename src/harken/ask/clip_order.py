"""The clips of an item in another order, with every "clip 2" in its words renumbered.

A cyclic rotation by r shows clip (i + r) mod n at place i, as rotations of options do. The right
answer stays right because numbers go with their clips: under r = 1 of three clips, "clip 1" is
asked for as "clip 3". So a model that hears every clip alike answers alike in every order
(position bias over clips; permutational self-consistency, MUGEN, arXiv 2603.09714).

Where words point to places in other ways ("the second clip", "before", "recording A"), nothing is
renumbered by guess: such an item has one order only, and the reason is told.
"""

from __future__ import annotations

import re
from dataclasses import replace

from harken.item import Item

_SOUND = r"(?:clip|audio|recording|sound|sample|track|excerpt|segment)"
_NUMBERED = re.compile(rf"\b({_SOUND}s?[ #-]*)(\d+)\b", re.I)
_LISTED = re.compile(rf"\b{_SOUND}s? \d+(?: ?(?:,|and|&|or|to|-|–) ?\d+)+", re.I)
_PLACED = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|last|latter|former|next|previous"
    rf"|preceding|following|before|after|earlier|later|[1-9](?:st|nd|rd|th))\b(?=[^.?!]{{0,40}}\b{_SOUND}s?\b)"
    r"|\b(?:the former|the latter|in order|(?:the|which|what) order|sequence)\b"
    rf"|\b{_SOUND}s? (?:[A-H]|one|two|three|four|five|six)\b",
    re.I,
)


def reorder(item: Item, by: int) -> Item | str:
    """`item` with its clips rotated by `by` places, or why that would change what is asked."""
    size = len(item.clips)
    if not by % max(1, size):
        return item
    texts = [item.question, *item.choices]
    fault = next((found for text in texts if (found := _fault(text, size))), None)
    if fault:
        return fault
    if not item.choices and _NUMBERED.search(item.answer):
        return "the open answer numbers the clips"
    choices = tuple(renumber(text, by, size) for text in item.choices)
    return replace(
        item,
        clips=item.clips[by % size :] + item.clips[: by % size],
        question=renumber(item.question, by, size),
        choices=choices,
        answer=choices[item.gold] if item.gold >= 0 else item.answer,
    )


def renumber(text: str, by: int, size: int) -> str:
    """`text` with each clip number 1..size replaced by the place its clip is moved to."""

    def moved(match: re.Match[str]) -> str:
        return f"{match.group(1)}{(int(match.group(2)) - 1 - by) % size + 1}"

    return _NUMBERED.sub(moved, text)


def _fault(text: str, size: int) -> str | None:
    """Why the words of `text` would not survive another order of `size` clips."""
    listed = _LISTED.search(text)
    if listed:
        return f"{listed.group(0)!r} lists clips in a way that cannot be renumbered safely"
    for match in _NUMBERED.finditer(text):
        if not 1 <= int(match.group(2)) <= size:
            return f"{match.group(0)!r} is none of the {size} clips"
    placed = _PLACED.search(text)
    return f"{placed.group(0)!r} may speak of an order of the clips" if placed else None
