"""transcribe: one clip of speech; what is said (an open question)?

The answer is the recording's transcript as its corpus writes it, or the word of a recording that is
labelled with one. Spoken words and sentences take turns where the pool has both. Evaluations give
the word error rate beside the share of replies that are right word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.open_ended import open_question, pick_answer
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

QUESTIONS = (
    "Transcribe the speech in the clip.",
    "Write down what is said.",
    "What does the speaker say? Give the exact words.",
    "Write the words that are spoken in the recording.",
    "Listen to the voice and write down every word.",
    "What is said in this clip?",
    "Put the speech in the recording into writing.",
    "Give a transcript of the clip.",
)


def lacks(pool: RecordingPool) -> str:
    """Speech with a transcript is needed."""
    return "" if _topics(pool) else "speech with a transcript is needed, there is none"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Word or sentence (balanced), what is said (balanced), a recording of it."""
    topics = _topics(pool)
    return pick_answer(topics[draw.design.turn(len(topics))], draw)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about one clip."""
    rationale = f"The speaker says {quoted(values['answer'])}."
    return open_question(QUESTIONS[template], rationale, values, recordings)


def _topics(pool: RecordingPool) -> list[Topic]:
    return [topic for topic in (pool.lone_words, pool.transcripts) if topic.names]


FAMILY = QuestionFamily(
    "transcribe",
    "one clip of speech; what is said?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    skills=("information",),
)
