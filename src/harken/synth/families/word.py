"""word: one clip of speech, four words; which one is spoken?

Options as in `identify`: first four words of similar spelling, then the gold among them. In corpora
of sentences, content words are asked for; such items have the tag ``sentence`` too: their answer is
no transcript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.options import lacks_options, pick_options
from harken.synth.pool import RecordingPool, said
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

QUESTIONS = (
    "Which of these words is spoken?",
    "Which word do you hear?",
    "What does the speaker say?",
    "Listen to the voice: which of these words is said?",
    "Which of these words occurs in the recording?",
    "Which word can be heard in this clip?",
    "One of these words is spoken in the clip. Which one?",
    "Pick the word that is said in the recording.",
)


def lacks(pool: RecordingPool) -> str:
    """Four words are needed."""
    return lacks_options(pool.words, "spoken words")


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Position of the gold (balanced), anchor (balanced), options, recording."""
    return pick_options(pool.words, draw)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of four words."""
    answer = values["answer"]
    others = [quoted(word) for word in values["choices"] if word != answer]
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(recordings[0].clip,),
        rationale=f"The speaker says {quoted(answer)}, and neither {others[0]}, {others[1]} nor "
        f"{others[2]}. So the answer is {quoted(answer)}.",
        tags=("word",) if len(said(recordings[0])) < 2 else ("word", "sentence"),
    )


FAMILY = QuestionFamily(
    "word",
    "one clip of speech, four words; which one is spoken?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
