"""contour: a short melody; does it rise, fall, rise and then fall, or fall and then rise?

Every step goes up or down by one to four semitones. The number of notes is balanced; the contour is
drawn for each item alone, and tempo, instrument and the tones where it begins apart from it. Who
hears the beginning alone, or the end alone, is left with two of the four options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from harken.corpora.base import Recording
from harken.facts import MusicFacts
from harken.synth.music import (
    HARMONIC,
    LICENCE,
    RANGE,
    ScoreNote,
    need_of_all,
    played,
    score,
)
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

CONTOURS = {
    "it rises": (1, 1),
    "it falls": (-1, -1),
    "it rises and then falls": (1, -1),
    "it falls and then rises": (-1, 1),
}
"""Directions before and after the turn."""

NOTES = (4, 5, 6, 7)

QUESTIONS = (
    "How does the melody move?",
    "Which way does the melody go?",
    "What is the contour of the melody?",
    "Describe how the pitch of the melody moves.",
    "Follow the pitch from the first note to the last. What does it do?",
    "What is the shape of this melody?",
)


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The number of notes (balanced); the contour, the steps."""
    count = NOTES[draw.design.turn(len(NOTES))]
    answer = [*CONTOURS][draw.design.toss(len(CONTOURS))]
    before, after = CONTOURS[answer]
    turn = int(draw.rng.integers(1, count - 1))
    steps = [int(draw.rng.integers(1, 5)) for _ in range(count - 1)]
    melody = [0]
    for k, step in enumerate(steps):
        melody.append(melody[-1] + (before if k < turn else after) * step)
    low, high = RANGE[0] - min(melody), RANGE[1] - max(melody)
    start = int(draw.rng.integers(low, high + 1))
    melody = [start + pitch for pitch in melody]
    timbre, step_s = draw.one(HARMONIC), round(float(draw.rng.uniform(0.3, 0.6)), 3)
    notes = [
        ScoreNote(timbre, pitch, 0.2 + k * step_s, 0.95 * step_s) for k, pitch in enumerate(melody)
    ]
    facts = MusicFacts(pitches=tuple(map(float, melody)))
    return score(draw, notes, 0.4 + count * step_s, {"answer": answer}, facts)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of contours about one melody."""
    music, answer = values["music"], values["answer"]
    clip, facts = played(music)
    pitches = music["facts"]["pitches"]
    steps = ", ".join(f"{abs(b - a):.0f} {'up' if b > a else 'down'}" for a, b in pairwise(pitches))
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=tuple(CONTOURS),
        clips=(clip,),
        rationale=f"The steps of the melody, in semitones, are {steps}: {answer}.",
        tags=("music",),
        facts=(facts,),
        need=need_of_all(music),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "contour",
    "a short melody; does it rise or fall, or first one and then the other?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute", "temporal"),
)
