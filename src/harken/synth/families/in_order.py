"""in-order: one scene of three or four events; in which of four orders are they heard?

The choices are orders of the same names. They are drawn first, all orders equally likely, and then
the right one among them, so no order is closer to the others than chance has it. The number of
events is balanced, the position of the answer drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import Events, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import anchors, cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import listed, quoted

SIZES = (3, 4)
CHOICES = 4

QUESTIONS = (
    "In what order are these heard?",
    "Which is the order of what you hear?",
    "Which of these orders is that of the recording?",
    "What comes first, and what follows? Choose the right order.",
    "Put what is heard in order: which list is right?",
    "Which list names what is heard from first to last?",
)


def lacks(pool: RecordingPool) -> str:
    """Three events are needed."""
    return lacks_topics(pool, SIZES[0])


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and number of events (balanced); names, orders, the right one, scene."""
    topics = staged_topics(pool, SIZES[0])
    topic = topics[draw.design.turn(len(topics))]
    sizes = [n for n in SIZES if anchors(topic, n)]
    n = sizes[draw.design.turn(len(sizes))]
    place = draw.design.toss(CHOICES)
    names = mixed_names(draw, topic, n)
    if names is None:
        return None
    orders = [list(order) for order in draw.some(list(permutations(names)), CHOICES)]
    events = cast(draw, topic, orders[place])
    if events is None:
        return None
    values = {"kind": topic.kind, "orders": orders, "answer": orders[place]}
    return stage(in_slots(draw, events), n * SLOT_S, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of orders about one scene."""
    scene, orders = values["scene"], values["orders"]
    clip, facts = staged(scene, recordings)
    heard = listed([quoted(row["name"]) for row in scene["events"]])
    answer = _told(values["answer"])
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=tuple(_told(order) for order in orders),
        clips=(clip,),
        rationale=f"One after the other are heard {heard}. So the order is: {answer}.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, True, lambda events: _agreeing(orders, events) == 1),
    )


def _told(order: Sequence[str]) -> str:
    return ", then ".join(order)


def _agreeing(orders: Sequence[Sequence[str]], events: Events) -> int:
    """How many orders have the events that are heard in the order in which they are heard."""
    heard = [row["name"] for row in events]
    return sum([name for name in order if name in heard] == heard for order in orders)


FAMILY = QuestionFamily(
    "in-order",
    "one scene of three or four events; in which of four orders are they heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
)
