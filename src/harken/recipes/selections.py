"""Which training items a recipe's stage takes, and how open questions are made of closed ones.

Items of harken know what is in their clips (their plan), so a question with options about one clip
can be asked openly with the same answer, and the times of a scene's sounds can be asked. Items of
other programs' sets say nothing of the kind: of them the open-ended ones are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harken import progress
from harken.item import Item
from harken.times import written_times

TRANSCRIBE = "Transcribe the speech in the clip."
NAME = "Name the sound in the clip."
WHEN = "Which sounds are in the clip, and when? Give each with its start and its end."
_DIGITS = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
           "oh"}  # fmt: skip


def open_ended(items: Sequence[Item]) -> list[Item]:
    """Open-ended items with clips, and single-clip questions of harken asked openly."""
    given = [item for item in items if item.clips and not item.choices]
    return _once([*given, *_opened(items, TRANSCRIBE, _spoken), *_opened(items, NAME, _heard)])


def transcripts(items: Sequence[Item]) -> list[Item]:
    """What is said in one clip: words and sentences; how many are of unknown kind is told."""
    return _with_unknown(_opened(items, TRANSCRIBE, _spoken), "transcripts")


def names(items: Sequence[Item]) -> list[Item]:
    """What sounds in one clip, no speech; how many are of unknown kind is told."""
    return _with_unknown(_opened(items, NAME, _heard), "names of sounds")


def digits(items: Sequence[Item]) -> list[Item]:
    """Transcripts that are digits."""
    spoken = _opened(items, TRANSCRIBE, _spoken)
    return [i for i in spoken if {*i.answer.lower().replace(",", " ").split()} <= _DIGITS]


def with_clips(items: Sequence[Item], least: int, most: int) -> list[Item]:
    """Items with so many clips."""
    return [item for item in items if least <= len(item.clips) <= most]


def timed(items: Sequence[Item]) -> list[Item]:
    """Items with times in their answers, and the times of the sounds in scenes of one clip."""
    found = [item for item in items if not item.choices and _has_times(item.answer)]
    for item in items:
        heard = _values(item).get("heard")
        scene = item.clips[0].plan if len(item.clips) == 1 else None
        if scene is None or not isinstance(heard, list) or len(heard) != len(scene.parts):
            continue
        spans = [(part.at_s, part.clip.duration_s) for part in scene.parts]
        if any(length is None for _, length in spans):
            continue
        said = [
            f"{name} {at:.2f}s to {at + (length or 0.0):.2f}s"
            for name, (at, length) in zip(heard, spans, strict=True)
        ]
        found.append(_asked(item, WHEN, ", ".join(said)))
    return _once(found)


def mixed(parts: Sequence[tuple[Sequence[Item], float]], count: int, seed: int) -> list[Item]:
    """`count` items, of each part its share; a part that is too small is gone through again.

    Parts without items leave their share to the others.
    """
    there = [(list(items), share) for items, share in parts if items and share > 0]
    whole = sum(share for _, share in there)
    rng = np.random.default_rng([seed, count])
    found: list[Item] = []
    for items, share in there:
        wanted = max(1, round(count * share / whole))
        order = [
            int(i) for _ in range(-(-wanted // len(items))) for i in rng.permutation(len(items))
        ]
        found += [items[i] for i in order[:wanted]]
    return found


def _kind(item: Item) -> str:
    """What the plan says its clip holds; ``""`` where it says nothing."""
    known = [tag for tag in ("word", "sentence", "sound", "music") if tag in item.tags]
    return str(_values(item).get("kind") or (known[0] if known else ""))


def _spoken(item: Item) -> bool:
    return _kind(item) in ("word", "sentence", "speech")


def _heard(item: Item) -> bool:
    return _kind(item) in ("sound", "music")


def _unknown(item: Item) -> bool:
    """An open-ended item that does not say what its clip holds."""
    return not item.plan.get("values") and not item.choices


def _with_unknown(found: list[Item], taken: str) -> list[Item]:
    """These items; where some are of unknown kind, that is told."""
    count = sum(_unknown(item) and "asked openly" not in _steps(item) for item in found)
    if count:
        progress.note(
            f"{count} of {len(found)} items taken as {taken} do not say what their clip holds: "
            "they are open-ended questions of another program, taken as they are"
        )
    return found


def _steps(item: Item) -> set[str]:
    return {entry.step for entry in item.history}


def _values(item: Item) -> dict[str, Any]:
    found = item.plan.get("values")
    return found if isinstance(found, dict) else {}


def _opened(items: Sequence[Item], question: str, fits: Callable[[Item], bool]) -> list[Item]:
    """Items of one clip that fit, asked openly; of foreign sets the open-ended ones as they are.

    A question for one word of a sentence is not asked openly: its answer is not all that is said.
    """
    found = []
    for item in items:
        if len(item.clips) != 1:
            continue
        if _unknown(item):
            found.append(item)
        elif item.task in ("word", "identify") and fits(item) and "sentence" not in item.tags:
            found.append(_asked(item, question, item.answer))
        elif not item.choices and fits(item):
            found.append(item)
    return _once(found)


def _asked(item: Item, question: str, answer: str) -> Item:
    return replace(item, choices=(), answer=answer, rejected="").with_history(
        "asked openly", item.id, question=question
    )


def _once(items: Sequence[Item]) -> list[Item]:
    return list({item.id: item for item in items}.values())


def _has_times(text: str) -> bool:
    return any(True for _ in written_times(text))
