"""at-time: one scene of four events; what is heard at 7.4 s?

The time is drawn before the events are, so it says nothing of what is heard then; all choices are
in the scene. The part of the clip that is asked about is balanced, the right one of the choices
drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, left_open, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import EDGE_S, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics, topic_of
from harken.synth.wording import quoted

EVENTS = 4
PARTS_S = (3.0, 4.0, 5.0, 7.0)

AWAY_S = 0.9
"""The time is so far from both ends of its part at least, in seconds."""

QUESTIONS = (
    "What is heard at {t} s?",
    "What do you hear {t} s into the recording?",
    "Which of these is heard at {t} seconds?",
    "Go to {t} seconds: what is to be heard there?",
    "At {t} s something is heard. What is it?",
    "What can be heard {t} seconds after the beginning?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, EVENTS)


def ask(pool: RecordingPool, draw: Draw) -> dict[str, Any] | None:
    """Topic and part of the clip (balanced); the time, the names, the right one."""
    topics = staged_topics(pool, EVENTS)
    topic = topics[draw.design.turn(len(topics))]
    part = draw.design.turn(EVENTS)
    place = draw.design.toss(EVENTS)
    names = mixed_names(draw, topic, EVENTS)
    if names is None:
        return None
    part_s = draw.one(PARTS_S)
    time_s = round(part * part_s + float(draw.rng.uniform(AWAY_S, part_s - AWAY_S)), 1)
    return {
        "kind": topic.kind,
        "part": part,
        "part_s": part_s,
        "time_s": time_s,
        "choices": names,
        "answer": names[place],
    }


def perform(pool: RecordingPool, draw: Draw, asked: Mapping[str, Any]) -> Picks | None:
    """A scene in which the answer of `asked` is right."""
    part, part_s = asked["part"], asked["part_s"]
    order = draw.some([name for name in asked["choices"] if name != asked["answer"]], EVENTS)
    order.insert(part, asked["answer"])
    events = cast(draw, topic_of(pool, asked["kind"]), order)
    if events is None:
        return None
    found = in_slots(draw, events, part_s)
    take = found[part].event.take
    # The time is in the middle half of the event, unless that would not fit into the part.
    at_s = asked["time_s"] - take.begin_s - float(draw.rng.uniform(0.25, 0.75)) * take.heard_s
    first_s, last_s = part * part_s + EDGE_S / 2, (part + 1) * part_s - EDGE_S / 2 - take.length_s
    at_s = round(min(max(at_s, first_s), last_s), 3)
    found[part] = replace(found[part], at_s=at_s)
    begin_s, end_s = found[part].heard
    if not begin_s < asked["time_s"] < end_s:
        return None
    return stage(found, EVENTS * part_s, asked)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, then a scene in which it is so."""
    asked = ask(pool, draw)
    return None if asked is None else perform(pool, draw, asked)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names about one time."""
    scene, answer, time_s = values["scene"], values["answer"], values["time_s"]
    clip, facts = staged(scene, recordings)
    (row,) = (row for row in scene["events"] if row["name"] == answer)
    begin_s, end_s = row["heard"]
    return BuiltQuestion(
        question=QUESTIONS[template].format(t=f"{time_s:.1f}"),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"{quoted(answer)} is heard from {begin_s:.1f} to {end_s:.1f} s, and nothing "
        f"else at {time_s:.1f} s.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, left_open(scene, values["choices"]), holds(answer)),
    )


FAMILY = QuestionFamily(
    "at-time",
    "one scene of four events; what is heard at a time?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
    timed_reasoning=True,
)
