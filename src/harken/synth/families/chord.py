"""chord: three chords one after the other; of which kind is the first, the second or the third?

The kinds are major, minor, diminished and augmented triads. The three chords are of three kinds, so
two wrong options are true of another chord of the clip. Which chord is asked about and whether the
tones come together or one by one is balanced; its kind is drawn for each item alone, and roots and
instrument are drawn apart from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.facts import MusicFacts
from harken.synth.music import (
    HARMONIC,
    LICENCE,
    TRIADS,
    ScoreNote,
    need_between,
    played,
    score,
    tone_name,
)
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import ORDINALS

CHORDS = 3
CHORD_S = 1.4

QUESTIONS = (
    "What kind of chord is the {nth} one?",
    "Three chords are heard. Of which kind is the {nth}?",
    "Is the {nth} chord major, minor, diminished or augmented?",
    "Name the kind of the {nth} chord.",
    "Which triad is the {nth} chord?",
    "Listen to the {nth} chord: what is its quality?",
)


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Place and manner (balanced); the kind, those of the others, the roots."""
    place = draw.design.turn(CHORDS)
    broken = draw.design.turn(2) == 1
    kinds = [*TRIADS]
    answer = kinds[draw.design.toss(len(kinds))]
    order = draw.some([kind for kind in kinds if kind != answer], CHORDS - 1)
    order.insert(place, answer)
    timbre, gap_s = draw.one(HARMONIC), round(float(draw.rng.uniform(0.1, 0.4)), 3)
    notes, names = [], []
    for number, kind in enumerate(order):
        root = int(draw.rng.integers(52, 65))
        at_s = 0.2 + number * (CHORD_S + gap_s)
        names.append(f"{tone_name(root)} {kind}")
        for k, tone in enumerate(TRIADS[kind]):
            late_s = k * CHORD_S / 4 if broken else 0.0
            notes.append(ScoreNote(timbre, root + tone, at_s + late_s, CHORD_S - late_s))
    values = {"place": place, "answer": answer, "gap_s": gap_s, "broken": broken}
    duration_s = 0.4 + CHORDS * CHORD_S + (CHORDS - 1) * gap_s
    return score(draw, notes, duration_s, values, MusicFacts(chords=tuple(names)))


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of kinds of chords about one piece."""
    music, answer, place = values["music"], values["answer"], values["place"]
    clip, facts = played(music)
    begin_s = music["notes"][3 * place][2]
    chords = ", ".join(music["facts"]["chords"])
    return BuiltQuestion(
        question=QUESTIONS[template].format(nth=ORDINALS[place]),
        answer=answer,
        choices=tuple(TRIADS),
        clips=(clip,),
        rationale=f"The chords are {chords}. The {ORDINALS[place]} is {answer}.",
        tags=("music", "broken" if values["broken"] else "block"),
        facts=(facts,),
        need=need_between(music, begin_s, begin_s + CHORD_S),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "chord",
    "three chords one after the other; of which kind is one of them?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute",),
)
