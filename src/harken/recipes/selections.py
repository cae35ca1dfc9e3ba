"""Which training items a recipe's stage takes, and how open questions are made of closed ones.

Items of harken know what is in their clips (their facts), so a question with options about one clip
can be asked openly with the same answer, and the times of a scene's sounds can be asked. Items of
other programs' sets say nothing of the kind: of them the open-ended ones are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harken import progress
from harken.facts import ClipFacts
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
    return _once([*given, *_opened(items, TRANSCRIBE, spoken), *_opened(items, NAME, _heard)])


def transcripts(items: Sequence[Item]) -> list[Item]:
    """What is said in one clip: words and sentences; how many are of unknown kind is told."""
    return _with_unknown(_opened(items, TRANSCRIBE, spoken), "transcripts")


def names(items: Sequence[Item]) -> list[Item]:
    """What sounds in one clip, no speech; how many are of unknown kind is told."""
    return _with_unknown(_opened(items, NAME, _heard), "names of sounds")


def digits(items: Sequence[Item]) -> list[Item]:
    """Transcripts that are digits."""
    said = _opened(items, TRANSCRIBE, spoken)
    return [i for i in said if {*i.answer.lower().replace(",", " ").split()} <= _DIGITS]


def with_clips(items: Sequence[Item], least: int, most: int) -> list[Item]:
    """Items with so many clips."""
    return [item for item in items if least <= len(item.clips) <= most]


def timed(items: Sequence[Item]) -> list[Item]:
    """Items with times in their answers, and the times of the sounds in scenes of one clip."""
    found = [item for item in items if not item.choices and _has_times(item.answer)]
    for item in items:
        facts = item.facts[0] if len(item.facts) == 1 else ClipFacts()
        if facts.names is not None and facts.timed:
            found.append(_asked(item, WHEN, times_of(facts)))
    return _once(found)


def times_of(facts: ClipFacts) -> str:
    """When each sound in front begins and ends, as text: ``dog 0.50s to 1.75s, cat …``."""
    return ", ".join(
        f"{source.name} {source.onset_s:.2f}s to {source.offset_s:.2f}s" for source in facts.front
    )


def mixed(parts: Sequence[tuple[Sequence[Item], float]], count: int, seed: int) -> list[Item]:
    """`count` items, of each part its share; a part that is too small is gone through again.

    Parts without items leave their share to the others.
    """
    there = [(list(items), share) for items, share in parts if items and share > 0]
    rng = np.random.default_rng([seed, count])
    found: list[Item] = []
    counts = shared_out(count, [share for _, share in there])
    for wanted, (items, _) in zip(counts, there, strict=True):
        order = [
            int(i) for _ in range(-(-wanted // len(items))) for i in rng.permutation(len(items))
        ]
        found += [items[i] for i in order[:wanted]]
    return found


def shared_out(count: int, shares: Sequence[float]) -> list[int]:
    """`count` by shares, in whole numbers that add up to it (largest remainders).

    No share is left without one as long as there are enough; where remainders are equal, the
    earlier share has more.
    """
    whole = sum(shares)
    exact = [count * share / whole for share in shares]
    found = [int(one) for one in exact]
    most = sorted(range(len(shares)), key=lambda n: (found[n] - exact[n], n))
    for n in most[: count - sum(found)]:
        found[n] += 1
    for n in range(len(found)):
        if not found[n] and count >= len(found):
            found[found.index(max(found))] -= 1
            found[n] = 1
    return found


def spoken(item: Item) -> bool:
    """Whether its clips are known to hold speech alone."""
    return bool(item.facts) and all(facts.is_speech for facts in item.facts)


def _heard(item: Item) -> bool:
    return bool(item.facts) and all(facts.is_sound for facts in item.facts)


def _unknown(item: Item) -> bool:
    """An open-ended item that does not say what its clip holds."""
    return not item.facts and not item.choices


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


def _opened(items: Sequence[Item], question: str, fits: Callable[[Item], bool]) -> list[Item]:
    """Items of one clip that fit, asked openly; of foreign sets the open-ended ones as they are.

    A question is asked openly where its answer is all that is heard: one for a word of a sentence
    is not.
    """
    found = []
    for item in items:
        if len(item.clips) != 1:
            continue
        if _unknown(item) or (not item.choices and fits(item)):
            found.append(item)
        elif fits(item) and item.facts[0].names == (item.answer,):
            found.append(_asked(item, question, item.answer))
    return _once(found)


def _asked(item: Item, question: str, answer: str) -> Item:
    return replace(item, choices=(), answer=answer, rejected="").with_history(
        "asked openly", item.id, question=question
    )


def _once(items: Sequence[Item]) -> list[Item]:
    return list({item.id: item for item in items}.values())


def _has_times(text: str) -> bool:
    return any(True for _ in written_times(text))
