"""summary: a long scene of four parts; what is heard from beginning to end (an open question)?

The answer is made of one caption a part: what is heard, how often, and from when on. A worse answer
comes with it, for training on preferences: that of the same scene with the sounds of two
neighbouring parts exchanged. The verifier finds no fault in the one, and some in the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.long import (
    PARTS,
    drawn_names,
    in_parts,
    in_words,
    lacks_long,
    stage_long,
    verified,
)
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import staged
from harken.synth.wording import quoted

QUESTIONS = (
    "Summarise the recording: what is heard, how often, and from when on?",
    "Describe the recording from beginning to end, with times.",
    "Give an account of what is heard, part by part.",
    "Write a summary of this long recording, with counts and times.",
    "What happens in the recording? Tell it in order, with times.",
    "Retell the recording in a sentence for each part.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_long(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Length and which parts are exchanged (balanced); the names, the scene."""
    topic, long_s, names = drawn_names(pool, draw)
    place = draw.design.turn(PARTS - 1)
    if names is None:
        return None
    events = in_parts(draw, topic, names, long_s)
    if events is None:
        return None
    values = {"kind": topic.kind, "order": names, "place": place}
    return verified(stage_long(events, long_s, values), build, topic, "summary")


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about a long scene, with a worse answer."""
    scene, order, place = values["scene"], values["order"], values["place"]
    clip, facts = staged(scene, recordings)
    answer = in_words(scene, order)
    one, other = quoted(order[place]), quoted(order[place + 1])
    # Exchanged in the text alone, so that counts and times are those of the other sound.
    worse = answer.replace(one, "\0").replace(other, one).replace("\0", other)
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=(),
        clips=(clip,),
        rationale=answer,
        tags=(values["kind"], "scene", "long"),
        facts=(facts,),
        need=need_of(scene, True),
        rejected=worse,
    )


FAMILY = QuestionFamily(
    "summary",
    "a long scene of four parts; what is heard from beginning to end?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    group="long",
    skills=("general", "temporal"),
)
