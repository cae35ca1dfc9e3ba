"""next-turn: two clips, two voices that count in turns; what does the first one say next? (open).

MAE's "Dialogue Generation" (an opening, a reply, and then the first speaker's turn), as far as
words spoken alone allow: the two count on by a step, up or down, and the next number follows from
what both have said. Real dialogues need corpora of dialogues, which no layout reads. The answer, a
number from zero to nine, is balanced; the voices differ where speakers are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

STEPS = (-4, -3, -2, -1, 1, 2, 3, 4)

TRIES = 16
"""Draws of a reply in another voice."""

QUESTIONS = (
    "Two people count in turns, always by the same step. What does the first one say next?",
    "Clip 1 opens, clip 2 replies, and they count on in equal steps. What is the next word?",
    "The speakers take turns counting, up or down by one step. Which number is the third?",
    "One counts, the other goes on in the same step. What is said after clip 2?",
)


def lacks(pool: RecordingPool) -> str:
    """The numbers from zero to nine are needed, by two voices."""
    missing = [name for name in NUMBERS if name not in pool.lone_words.names]
    if missing:
        return f"the spoken numbers zero to nine are needed, {missing[0]!r} is missing"
    return "" if _several(pool) else "numbers spoken by 2 speakers are needed"


@lru_cache(maxsize=16)
def _several(pool: RecordingPool) -> bool:
    """Whether any number has voices that differ from those of another, or not named ones."""
    own = [{r.speaker for r in pool.lone_words.members[name]} for name in NUMBERS]
    return all(len(voices) >= 2 or None in voices for voices in own)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The answer (balanced), the step that leads to it, two recordings."""
    answer = draw.design.turn(len(NUMBERS))
    steps = [step for step in STEPS if 0 <= answer - 2 * step < len(NUMBERS)]
    step = draw.one(steps)
    heard = [NUMBERS[answer - 2 * step], NUMBERS[answer - step]]
    a = draw.one(pool.lone_words.members[heard[0]])
    for _ in range(TRIES):
        b = draw.one(pool.lone_words.members[heard[1]])
        if a.id != b.id and (a.speaker is None or a.speaker != b.speaker):
            return Picks((a, b), {"heard": heard, "step": step, "answer": NUMBERS[answer]})
    return None


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about two clips."""
    (one, other), step, answer = values["heard"], values["step"], values["answer"]
    way = f"{abs(step)} {'up' if step > 0 else 'down'}"
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=(),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"The first says {quoted(one)}, the second {quoted(other)}, which is {way}. "
        f"Again {way} it is {quoted(answer)}.",
        tags=("word", "dialogue"),
        need=ListeningNeed(False),
    )


FAMILY = QuestionFamily(
    "next-turn",
    "two clips, two voices that count in turns; what does the first one say next?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    skills=("speech-context",),
)
