"""same-speaker: two clips of speech; is it the same person? (yes / no).

The two clips share neither a source recording nor a transcript, for both answers, so neither the
recording nor the words reveal the answer. For both answers each speaker is equally often in the
first and in the second clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool, said
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

QUESTIONS = (
    "Is it the same person who speaks in both clips?",
    "Do the two clips have the same speaker?",
    "Does one and the same voice speak in clip 1 and clip 2?",
    "Are clip 1 and clip 2 spoken by the same person?",
    "Compare the voices: do they belong to one person?",
    "Is the speaker of clip 2 the one you hear in clip 1?",
    "Were both recordings spoken by the same voice?",
    "Do you hear the same speaker twice?",
)


def lacks(pool: RecordingPool) -> str:
    """Two speakers with two source recordings each are needed."""
    if len(pool.speakers) < 2:
        known = len({r.speaker for r in pool.recordings if r.speaker and r.kind == "speech"})
        return (
            f"2 speakers with 2 recordings each are needed, there are {len(pool.speakers)} "
            f"({known} known in all)"
        )
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Answer (balanced), first speaker (balanced), second speaker, two recordings."""
    names = tuple(pool.speakers)
    same = draw.design.turn(2) == 0
    first = draw.design.turn(len(names))
    second = first if same else (first + draw.design.shift(len(names))) % len(names)
    a = draw.one(pool.speakers[names[first]])
    b = draw.one(pool.speakers[names[second]])
    if a.id == b.id or (said(a) and said(a) == said(b)):
        return None
    values = {"heard": [names[first], names[second]], "answer": "yes" if same else "no"}
    return Picks((a, b), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question about two voices."""
    answer = values["answer"]
    end = "The same voice speaks in both" if answer == "yes" else "The voices are of two people"
    one, other = values["heard"]
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=("yes", "no"),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"Clip 1: speaker {one}. Clip 2: speaker {other}. {end}: {answer}.",
        tags=("speaker",),
    )


FAMILY = QuestionFamily(
    "same-speaker",
    "two clips of speech; is it the same person?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=True,
    skills=("attribute",),
)
