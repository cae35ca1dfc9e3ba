"""name: one clip of one sound; what is it (an open question)?

The answer is the recording's label. Only recordings with exactly one label are asked about: of
several sounds none is *the* answer. The open-ended counterpart of `identify`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.open_ended import open_question, pick_answer
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

QUESTIONS = (
    "Name the sound in the clip.",
    "What is the sound in this clip called?",
    "Give the name of the sound that you hear.",
    "In a few words, what was recorded here?",
    "Say what makes the sound in the recording.",
    "Which sound is it?",
    "Put a name to what is heard in the clip.",
    "What would you label this recording?",
)


def lacks(pool: RecordingPool) -> str:
    """Two labels are needed: a sole one would be known without listening."""
    names = pool.lone_sounds.names
    if len(names) < 2:
        return f"2 labels of sounds, heard alone, are needed, there are {len(names)}"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The label (balanced), a recording of it."""
    return pick_answer(pool.lone_sounds, draw)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about one clip."""
    rationale = f"The clip holds {quoted(values['answer'])}."
    return open_question(QUESTIONS[template], rationale, values, recordings)


FAMILY = QuestionFamily(
    "name",
    "one clip of one sound; what is it?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
