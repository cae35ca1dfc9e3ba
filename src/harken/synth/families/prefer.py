"""prefer: name what is heard, in order; with a worse answer that names something unheard.

Pairs for training on preferences: the answer is true, and in the rejected one a name is replaced by
a similar one that is not heard. The names are drawn first and then the one that is left out of the
scene, so no name is in rejected answers more often than chance has it. The place at which the two
answers differ is balanced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import quoted

EVENTS = 3

QUESTIONS = (
    "Name what is heard, in order, separated by commas.",
    "What do you hear from first to last? Separate the names by commas.",
    "List all that is heard, the earliest first, separated by commas.",
    "Write down what is heard in the order in which it is heard, separated by commas.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, EVENTS + 1)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and the place of the difference (balanced); names, and the scene of all but one."""
    topics = staged_topics(pool, EVENTS + 1)
    topic = topics[draw.design.turn(len(topics))]
    place = draw.design.turn(EVENTS)
    names = mixed_names(draw, topic, EVENTS + 1)
    if names is None or any("," in name for name in names):
        return None
    heard, unheard = names[:EVENTS], names[EVENTS]
    events = cast(draw, topic, heard)
    if events is None:
        return None
    rejected = [unheard if n == place else name for n, name in enumerate(heard)]
    values = {"kind": topic.kind, "heard": heard, "rejected": rejected, "unheard": unheard}
    return stage(in_slots(draw, events), EVENTS * SLOT_S, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question with a rejected answer."""
    scene = values["scene"]
    clip, facts = staged(scene, recordings)
    answer = ", ".join(values["heard"])
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=(),
        clips=(clip,),
        rationale=f"One after the other are heard: {answer}. "
        f"There is no {quoted(values['unheard'])}.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, True, lambda events: len(events) == EVENTS),
        rejected=", ".join(values["rejected"]),
    )


FAMILY = QuestionFamily(
    "prefer",
    "name what is heard, in order; with a worse answer that names something unheard",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
)
