"""say-when: one scene of three events; when does X begin, or is it never heard?

The target is a time. The wrong times are those at which the other events begin, so that only what
is heard then tells them apart. The scene has three events and one length whether X is among them or
not. Length and X are balanced; which event X is, or none, is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import capital, named, quoted

EVENTS = 3

SLOTS_S = (3, 4, 5, 7)
"""Lengths of the slot of an event, in seconds."""

NEVER = "never"

QUESTIONS = (
    "Say when {x} begins.",
    "When does {x} begin to be heard, if at all?",
    "Tell me at what time {x} starts, or that it never does.",
    "At which time do you first hear {x}?",
    "{X}: from when on is it heard?",
    "Wait for {x}. When does it come?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed, one of which is not heard."""
    return lacks_topics(pool, EVENTS + 1)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and length (balanced); the place of X, or none, and the names."""
    topics = staged_topics(pool, EVENTS + 1)
    topic = topics[draw.design.turn(len(topics))]
    slot_s = float(SLOTS_S[draw.design.turn(len(SLOTS_S))])
    place = draw.design.toss(EVENTS + 1)
    names = mixed_names(draw, topic, EVENTS + 1)
    if names is None:
        return None
    query, *order = names
    if place < EVENTS:
        order[place] = query
    events = cast(draw, topic, order)
    if events is None:
        return None
    values = {"kind": topic.kind, "query": query}
    return stage(in_slots(draw, events, slot_s), EVENTS * slot_s, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of times, and of never, about one scene."""
    scene, query = values["scene"], values["query"]
    clip, facts = staged(scene, recordings)
    times = {row["name"]: f"at {row['heard'][0]:.1f} s" for row in scene["events"]}
    answer = times.get(query, NEVER)
    told = ", ".join(f"{quoted(name)} begins {time}" for name, time in times.items())
    x = named(values["kind"], query)
    end = "." if query in times else f". There is no {quoted(query)}."
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=capital(x)),
        answer=answer,
        choices=(*times.values(), NEVER),
        clips=(clip,),
        rationale=f"What is heard: {told}{end}",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, query in times, holds(query)),
    )


FAMILY = QuestionFamily(
    "say-when",
    "one scene of three events; when does X begin, or is it never heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
    timed_reasoning=True,
)
