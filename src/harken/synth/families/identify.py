"""identify: one clip, four names of sounds; which one is heard?

The four names are drawn first (one anchor and three similar names), then the gold among them,
uniformly: given the options, each is right equally often, so neither a name's frequency as an
option nor its similarity to the others reveals the answer. Sets are used only if each of the four
could have been the gold, that is, has a recording that contains none of the other three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.options import lacks_options, pick_options
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

QUESTIONS = (
    "Which of these sounds do you hear?",
    "What is heard in this clip?",
    "Which sound is in the recording?",
    "Listen to the clip: which of these is it?",
    "Which of these best names what can be heard?",
    "What sort of sound was recorded?",
    "Which one of these was recorded here?",
    "Name the sound in the clip.",
)


def lacks(pool: RecordingPool) -> str:
    """Four names of sounds are needed."""
    return lacks_options(pool.sounds, "labels of sounds")


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Position of the gold (balanced), anchor (balanced), options, recording."""
    return pick_options(pool.sounds, draw)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of four names."""
    answer = values["answer"]
    others = [name for name in values["choices"] if name != answer]
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(recordings[0].clip,),
        rationale=f"The clip holds {quoted(answer)}. There is no "
        + ", no ".join(quoted(name) for name in others)
        + f" in it. So the answer is {quoted(answer)}.",
        tags=("sound",),
    )


FAMILY = QuestionFamily(
    "identify",
    "one clip, four names of sounds; which one is heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
