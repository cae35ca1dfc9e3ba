"""metre: a melody of one note a beat with accents; how many beats has a bar?

The first beat of each bar is louder and has a bass note; all other beats are alike. A bar has 3, 4,
5 or 7 beats, all equally likely. The music begins at any beat of a bar, and tempo, length of the
clip and melody are drawn apart from the metre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.facts import MusicFacts
from harken.synth.music import HARMONIC, LICENCE, ScoreNote, need_between, played, score, walk
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

BEATS = (3, 4, 5, 7)
CLIPS_S = (10, 12)

TEMPO_BPM = (130.0, 190.0)
"""Fast enough that any clip has two whole bars."""

WEAK_DB = -8.0
"""Level of beats that are not the first of their bar."""

QUESTIONS = (
    "How many beats has a bar?",
    "How many beats are there in each bar?",
    "Count from one accent to the next. How many beats is that?",
    "What is the metre: how many beats to the bar?",
    "The first beat of each bar is stressed. How many beats does a bar have?",
    "In how many does one have to count along?",
)


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The length (balanced); the metre, tempo, where in a bar it begins, the notes."""
    clip_s = CLIPS_S[draw.design.turn(len(CLIPS_S))]
    beats = BEATS[draw.design.toss(len(BEATS))]
    bpm = round(float(draw.rng.uniform(*TEMPO_BPM)), 2)
    beat_s, timbre = 60.0 / bpm, draw.one(HARMONIC)
    start_s = round(float(draw.rng.uniform(0.1, 0.4)), 3)
    count = int((clip_s - start_s) / beat_s)
    shift = int(draw.rng.integers(beats))
    notes, melody = [], walk(draw, count)
    for k, pitch in enumerate(melody):
        at_s, strong = start_s + k * beat_s, (k + shift) % beats == 0
        notes.append(ScoreNote(timbre, pitch, at_s, 0.9 * beat_s, 0.0 if strong else WEAK_DB))
        if strong:
            notes.append(ScoreNote(timbre, pitch % 12 + 36, at_s, 0.9 * beat_s))
    values = {"answer": str(beats), "shift": shift}
    facts = MusicFacts(bpm, bpm, beats, pitches=tuple(map(float, melody)))
    return score(draw, notes, float(clip_s), values, facts)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of numbers about one piece."""
    music, answer = values["music"], values["answer"]
    clip, facts = played(music)
    beats, beat_s = int(answer), 60.0 / music["facts"]["tempo_bpm"]
    first_s = music["notes"][0][2] + (-values["shift"] % beats) * beat_s
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=tuple(str(n) for n in BEATS),
        clips=(clip,),
        rationale=f"The accents come every {answer} beats.",
        tags=("music",),
        facts=(facts,),
        need=need_between(music, first_s, first_s + (beats + 0.9) * beat_s),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "metre",
    "a melody of one note a beat with accents; how many beats has a bar?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute", "counting"),
)
