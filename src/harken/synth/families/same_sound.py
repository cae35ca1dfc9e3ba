"""same-sound: two clips; is it the same kind of sound in both? (yes / no).

MAE's "Sound Comparison". Only recordings with exactly one label are used. For both answers each
label is equally often in the first and in the second clip, and the two clips are from different
source recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import heard_in_clips

QUESTIONS = (
    "Is the same kind of sound heard in both clips?",
    "Do the two clips contain the same sound event?",
    "Are the sounds in clip 1 and clip 2 of the same kind?",
    "Do both recordings have the same kind of source?",
    "Is what you hear in clip 2 the same sort of sound as in clip 1?",
    "Do clip 1 and clip 2 belong to the same class of sound?",
    "Compare the clips: is it one and the same kind of sound?",
    "Would one name fit the sounds of both clips?",
)


def lacks(pool: RecordingPool) -> str:
    """Two labels with two source recordings each are needed."""
    names = pool.lone_sounds.with_sources(2)
    if len(names) < 2:
        return f"2 labels with 2 recordings each are needed, there are {len(names)}"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Answer (balanced), first label (balanced), second label (the same or a shifted one)."""
    topic = pool.lone_sounds
    names = topic.with_sources(2)
    same = draw.design.turn(2) == 0
    first = draw.design.turn(len(names))
    second = first if same else (first + draw.design.shift(len(names))) % len(names)
    one, other = names[first], names[second]
    if not same and topic.clash(one, other):
        other = draw.one(names)
        if topic.clash(one, other):
            return None
    a = draw.recording(topic, one)
    b = draw.recording(topic, other, taken=[a] if a else [])
    if a is None or b is None:
        return None
    return Picks((a, b), {"heard": [one, other], "answer": "yes" if same else "no"})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question about two clips."""
    answer = values["answer"]
    end = "These are of the same kind" if answer == "yes" else "These are different kinds"
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=("yes", "no"),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"{heard_in_clips('sound', values['heard'])} {end}: {answer}.",
        tags=("sound",),
    )


FAMILY = QuestionFamily(
    "same-sound",
    "two clips; is it the same kind of sound in both?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("general",),
)
