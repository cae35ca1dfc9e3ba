"""same-trait: two clips of speech; are sex, age, accent, emotion or intent the same? (yes / no).

MAE's "Intent Identification", for every trait that the corpus has labels of. The two clips have
different speakers, where they are named, and different words, for both answers; so neither the
voice nor the words alone tell. For both answers each value is equally often in the first and in the
second clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.pool import RecordingPool, said
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.traits import ASKED, shown

QUESTIONS = {
    "sex": (
        "Are both speakers women, or both men?",
        "Is the speaker of clip 2 of the same sex as that of clip 1?",
        "Do two women, or two men, speak in the clips?",
        "Are the speakers of the two clips of one sex?",
    ),
    "age": (
        "Are the speakers of both clips of the same age?",
        "Is the speaker of clip 2 about as old as that of clip 1?",
        "Do the voices belong to one age group?",
        "Compare the speakers: are they of one age?",
    ),
    "accent": (
        "Do both speakers have the same accent?",
        "Is the accent of clip 2 that of clip 1?",
        "Are the two clips spoken with one accent?",
        "Compare how the speakers sound: is the accent the same?",
    ),
    "emotion": (
        "Is the same emotion heard in both clips?",
        "Does the speaker of clip 2 sound as that of clip 1 feels?",
        "Are both clips spoken in the same emotion?",
        "Compare the voices: do they express the same emotion?",
    ),
    "intent": (
        "Do both speakers want the same?",
        "Is the intent of clip 2 that of clip 1?",
        "Do the two clips fall in the same class of intent?",
        "Compare what the speakers want: is it the same?",
    ),
}

TRIES = 16
"""Draws of a second clip with another speaker and other words."""


def lacks(pool: RecordingPool) -> str:
    """Two values of one trait are needed, each of two speakers."""
    if usable(pool):
        return ""
    asked = ", ".join(ASKED)
    return f"speech with 2 values of one of {asked}, each of 2 speakers, is needed"


@lru_cache(maxsize=16)
def usable(pool: RecordingPool) -> dict[str, dict[str, tuple[Recording, ...]]]:
    """Traits with the values that two speakers have at least, where speakers are named."""
    found = {
        trait: {value: own for value, own in values.items() if _two_speakers(own)}
        for trait, values in pool.traits.items()
    }
    return {trait: values for trait, values in found.items() if len(values) >= 2}


def _two_speakers(own: Sequence[Recording]) -> bool:
    speakers = {recording.speaker for recording in own}
    return len(own) >= 2 and (len(speakers) >= 2 or None in speakers)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Trait and answer (balanced), first value (balanced), second value, two recordings."""
    traits = tuple(usable(pool))
    trait = traits[draw.design.turn(len(traits))]
    own = usable(pool)[trait]
    names = tuple(own)
    same = draw.design.turn(2) == 0
    first = draw.design.turn(len(names))
    second = first if same else (first + draw.design.shift(len(names))) % len(names)
    a = draw.one(own[names[first]])
    for _ in range(TRIES):
        b = draw.one(own[names[second]])
        alike = a.speaker == b.speaker and a.speaker is not None
        if not alike and a.id != b.id and (not said(a) or said(a) != said(b)):
            break
    else:
        return None
    values = {"trait": trait, "values": [names[first], names[second]]}
    return Picks((a, b), {**values, "answer": "yes" if same else "no"})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question about two voices."""
    trait, answer = values["trait"], values["answer"]
    one, other = (shown(trait, value) for value in values["values"])
    return BuiltQuestion(
        question=QUESTIONS[trait][template],
        answer=answer,
        choices=("yes", "no"),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"Clip 1: {one}. Clip 2: {other}. "
        f"{'This is the same' if answer == 'yes' else 'These differ'}: {answer}.",
        tags=("speaker", trait),
        need=ListeningNeed(trait != "intent"),
    )


FAMILY = QuestionFamily(
    "same-trait",
    "two clips of speech; are sex, age, accent, emotion or intent the same?",
    len(QUESTIONS["sex"]),
    lacks,
    pick,
    build,
    skills=("attribute",),
)
