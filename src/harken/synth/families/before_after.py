"""before-after: one scene of three to five events; what is heard right before or after X?

All choices are in the scene, so only their order tells. The number of events and "before" or
"after" are balanced, the right one of the choices is drawn for each item alone; every name is asked
for, and is right, equally often. Each event has a slot of its own, in which it begins at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, left_open, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import anchors, cast, lacks_topics, mixed_names, staged_topics, topic_of
from harken.synth.wording import listed, named, quoted

SIZES = (3, 4, 5)

QUESTIONS = (
    "What is heard right {way} {x}?",
    "Which of these is the nearest one {way} {x}?",
    "Find {x} in the recording. What comes directly {way} it?",
    "Several things follow one another. Which one is immediately {way} {x}?",
    "What do you hear immediately {way} {x}?",
    "Listen for {x}: what is heard just {way} it?",
)


def lacks(pool: RecordingPool) -> str:
    """Three events are needed."""
    return lacks_topics(pool, SIZES[0])


def ask(pool: RecordingPool, draw: Draw) -> dict[str, Any] | None:
    """Topic, number of events and way (balanced); the names, the right one."""
    topics = staged_topics(pool, SIZES[0])
    topic = topics[draw.design.turn(len(topics))]
    sizes = [n for n in SIZES if anchors(topic, n)]
    n = sizes[draw.design.turn(len(sizes))]
    way = ("before", "after")[draw.design.turn(2)]
    place = draw.design.toss(n - 1)
    names = mixed_names(draw, topic, n)
    if names is None:
        return None
    query, *choices = names
    return {
        "kind": topic.kind,
        "way": way,
        "query": query,
        "choices": choices,
        "answer": choices[place],
    }


def perform(pool: RecordingPool, draw: Draw, asked: Mapping[str, Any]) -> Picks | None:
    """A scene in which the answer of `asked` is right."""
    pair = [asked["query"], asked["answer"]]
    pair = pair if asked["way"] == "after" else pair[::-1]
    others = draw.some([name for name in asked["choices"] if name != asked["answer"]], 9)
    at = int(draw.rng.integers(len(others) + 1))
    order = [*others[:at], *pair, *others[at:]]
    events = cast(draw, topic_of(pool, asked["kind"]), order)
    if events is None:
        return None
    return stage(in_slots(draw, events), len(order) * SLOT_S, asked)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, then a scene in which it is so."""
    asked = ask(pool, draw)
    return None if asked is None else perform(pool, draw, asked)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names about one scene."""
    scene, query, answer, way = (values[key] for key in ("scene", "query", "answer", "way"))
    clip, facts = staged(scene, recordings)
    order = listed([quoted(row["name"]) for row in scene["events"]])
    return BuiltQuestion(
        question=QUESTIONS[template].format(way=way, x=named(values["kind"], query)),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"One after the other are heard {order}. So right {way} {quoted(query)} comes "
        f"{quoted(answer)}.",
        tags=(values["kind"], "scene", way),
        facts=(facts,),
        need=need_of(scene, left_open(scene, values["choices"]), holds(query, answer)),
    )


FAMILY = QuestionFamily(
    "before-after",
    "one scene of three to five events; what is heard right before or after X?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
)
