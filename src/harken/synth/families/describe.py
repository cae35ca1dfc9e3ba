"""describe: one clip of a captioned corpus; what is heard in it (an open question)?

The answer is one of the captions that the corpus gives, as people (Clotho, AudioCaps) or a language
model that read the clip's description (WavCaps) wrote it. A clip with several captions is asked
about with each of them in turn, so that a model learns that many wordings are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.open_ended import open_question, pick_answer
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

QUESTIONS = (
    "Describe what you hear.",
    "Describe the sounds in the clip in one sentence.",
    "What can be heard in this recording?",
    "Write a caption for the clip.",
    "What is going on in this recording?",
    "Give a short description of the audio.",
    "Put into words what is heard.",
    "Listen, and say in a sentence what happens.",
)


def lacks(pool: RecordingPool) -> str:
    """Captions are needed."""
    return "" if pool.captioned.names else "recordings with captions are needed, there are none"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """A caption (balanced), and a recording that has it."""
    return pick_answer(pool.captioned, draw)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about one clip."""
    rationale = f"What is heard: {values['answer']}"
    return open_question(QUESTIONS[template], rationale, values, recordings)


FAMILY = QuestionFamily(
    "describe",
    "one captioned clip; what is heard in it?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    skills=("general",),
)
