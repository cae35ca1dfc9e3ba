"""count-events: one scene of five events; how often is X heard?

The scene always has five events and one length, so neither tells the number, which is 1 to 4, all
equally likely; X is balanced. The other events are of any other names, each alone or repeated. In
half of the items X is one recording played again, in the other half several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import CastEvent, anchors, cast, lacks_topics, staged_topics, topic_of
from harken.synth.wording import listed, named, quoted

EVENTS = 5
MOST = 4

QUESTIONS = (
    "On how many separate occasions is {x} heard?",
    "How many separate times does {x} occur?",
    "Count how often {x} is heard. How many times is it?",
    "How many times does {x} begin?",
    "There are {n} events in the recording. How many of them are {x}?",
    "How many of the {n} events are {x}?",
)


def lacks(pool: RecordingPool) -> str:
    """Two events are needed."""
    return lacks_topics(pool, 2)


def ask(pool: RecordingPool, draw: Draw) -> dict[str, Any] | None:
    """Topic and X (balanced); the number."""
    topics = staged_topics(pool, 2)
    topic = topics[draw.design.turn(len(topics))]
    names = anchors(topic, 2)
    query = names[draw.design.aside(len(names))]
    answer = str(1 + draw.design.toss(MOST))
    choices = [str(n) for n in range(1, MOST + 1)]
    return {"kind": topic.kind, "query": query, "choices": choices, "answer": answer}


def perform(pool: RecordingPool, draw: Draw, asked: Mapping[str, Any]) -> Picks | None:
    """A scene in which the answer of `asked` is right."""
    topic, query, right = topic_of(pool, asked["kind"]), asked["query"], int(asked["answer"])
    others = [name for name in topic.names if not topic.clash(name, query)]
    several = bool(draw.rng.integers(2)) and topic.sources(query) >= right
    own = cast(draw, topic, [query] * (right if several else 1))
    if own is None:
        return None
    own = own if several else own * right
    filling = [draw.one(others) for _ in range(EVENTS - right)]
    more = cast(draw, topic, filling)
    if more is None:
        return None
    events: list[CastEvent] = draw.some([*own, *more], EVENTS)
    return stage(in_slots(draw, events), EVENTS * SLOT_S, asked)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, then a scene in which it is so."""
    asked = ask(pool, draw)
    return None if asked is None else perform(pool, draw, asked)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of numbers about one scene."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    heard = listed([quoted(row["name"]) for row in scene["events"]])
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=named(values["kind"], query), n="five"),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"One after the other are heard {heard}. {quoted(query)} is {answer} of them.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, True),
    )


FAMILY = QuestionFamily(
    "count-events",
    "one scene of five events; how often is X heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("counting",),
)
