"""voice-trait: one clip of speech; what is the speaker's sex, age or accent, or their emotion?

Paralinguistic questions, where the corpus has labels: sex, age, accent, emotion, and the intent of
what is said. Traits take turns, and so do their values as answers: what is rare in the corpus is
not rarer as an answer, and where it has no more recordings there are no more questions. The other
options, up to three, are drawn freely, and the place of the answer is balanced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.options import OPTIONS
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.traits import ASKED, shown

QUESTIONS = {
    "sex": (
        "Who speaks?",
        "Is it a man or a woman who speaks?",
        "Whose voice is it?",
        "By whom is this said?",
    ),
    "age": (
        "How old is the speaker?",
        "What is the age of whoever speaks?",
        "Which of these fits the age of the voice?",
        "Judging by the voice, how old is the speaker?",
    ),
    "accent": (
        "What accent does the speaker have?",
        "Which of these is the accent of the voice?",
        "With which accent is this said?",
        "Where the speaker is from can be heard: which accent is it?",
    ),
    "emotion": (
        "How does the speaker sound?",
        "In what emotion is this said?",
        "Which of these does the voice express?",
        "What does the speaker seem to feel?",
    ),
    "intent": (
        "What does the speaker want?",
        "Which intent is behind what is said?",
        "What is to be done, according to the speaker?",
        "Which of these is the purpose of what is said?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Two values of one trait are needed."""
    if pool.traits:
        return ""
    return f"recordings of speech with 2 values of one of {', '.join(ASKED)} are needed"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Trait, its value and the place of the answer (balanced), other options, a recording."""
    traits = tuple(pool.traits)
    trait = traits[draw.design.turn(len(traits))]
    values = pool.traits[trait]
    names = tuple(values)
    answer = names[draw.design.turn(len(names))]
    options = draw.some([name for name in names if name != answer], OPTIONS - 1)
    options.insert(draw.design.turn(len(options) + 1), answer)
    return Picks((draw.one(values[answer]),), {"trait": trait, "options": options, "value": answer})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of values of one trait."""
    trait = values["trait"]
    answer = shown(trait, values["value"])
    return BuiltQuestion(
        question=QUESTIONS[trait][template],
        answer=answer,
        choices=tuple(shown(trait, one) for one in values["options"]),
        clips=(recordings[0].clip,),
        rationale=f"Of the speaker is known, {trait}: {answer}.",
        tags=("speaker", trait),
        need=ListeningNeed(trait != "intent"),
    )


FAMILY = QuestionFamily(
    "voice-trait",
    "one clip of speech; what is the speaker's sex, age, accent, emotion or intent?",
    len(QUESTIONS["sex"]),
    lacks,
    pick,
    build,
    skills=("attribute",),
)
