"""presence: one clip, one name; is the sound in it? (yes / no).

The format of object-hallucination tests (Kuan et al. 2024). Every label is asked for equally often,
and for every label yes and no are equally likely; for no, a recording of another label is drawn,
all other labels equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import capital, named, quoted

QUESTIONS = tuple(
    wording.format(x="{x}", X="{X}", clip=clip)
    # Many wordings: items differ by clip or wording, and small corpora have few clips for "yes".
    for clip in ("clip", "recording")
    for wording in (
        "Is {x} in this {clip}?",
        "Do you hear {x} in this {clip}?",
        "Can {x} be heard in the {clip}?",
        "Does the {clip} contain {x}?",
        "Listen to the {clip} for {x}. Is it there?",
        "{X}: is it present in the {clip}?",
        "Is {x} among what can be heard in the {clip}?",
        "Does {x} occur in the {clip}?",
    )
)


def lacks(pool: RecordingPool) -> str:
    """Two labels are needed."""
    if len(pool.sounds.names) < 2:
        return f"2 labels of sounds are needed, there are {len(pool.sounds.names)}"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Answer and label (each balanced, independent of each other), recording."""
    topic = pool.sounds
    query = topic.names[draw.design.aside(len(topic.names))]
    present = draw.design.turn(2) == 0
    if present:
        heard, found = query, draw.recording(topic, query)
    else:
        heard = draw.one(topic.names)
        if topic.clash(heard, query):
            return None
        found = draw.recording(topic, heard, without=[query])
    if found is None:
        return None
    return Picks((found,), {"query": query, "heard": heard, "answer": "yes" if present else "no"})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question."""
    query, heard, answer = values["query"], values["heard"], values["answer"]
    x = named("sound", query)
    end = f"{quoted(query)} is {'in' if answer == 'yes' else 'not in'} it: {answer}."
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=capital(x)),
        answer=answer,
        choices=("yes", "no"),
        clips=(recordings[0].clip,),
        rationale=f"The clip holds {quoted(heard)}. {end}",
        tags=("sound",),
    )


FAMILY = QuestionFamily(
    "presence",
    "one clip, one name; is the sound in it?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
