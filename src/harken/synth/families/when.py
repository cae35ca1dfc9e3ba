"""when: one scene of four events; in which part of the clip is X heard?

Temporal grounding with four choices. The clip has four parts of equal length with one event each,
so every part holds something, and the parts say nothing of how long a sound is. Their length and X
are balanced, the part in which X is is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics, topic_of
from harken.synth.wording import named, quoted

PARTS = 4

PARTS_S = (3, 4, 5, 7)
"""Lengths of a part, in seconds; the longest clip fits the 30 s of most encoders."""

QUESTIONS = (
    "When is {x} heard?",
    "In which part of the recording do you hear {x}?",
    "Between which times does {x} occur?",
    "Where in the clip is {x}?",
    "At what time can {x} be heard?",
    "Give the part of the clip that holds {x}.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, PARTS)


def ask(pool: RecordingPool, draw: Draw) -> dict[str, Any] | None:
    """Topic and length of the parts (balanced); the right one, the names."""
    topics = staged_topics(pool, PARTS)
    topic = topics[draw.design.turn(len(topics))]
    part_s = PARTS_S[draw.design.turn(len(PARTS_S))]
    place = draw.design.toss(PARTS)
    names = mixed_names(draw, topic, PARTS)
    if names is None:
        return None
    query, *others = names
    choices = [f"from {n * part_s} to {(n + 1) * part_s} s" for n in range(PARTS)]
    return {
        "kind": topic.kind,
        "query": query,
        "others": others,
        "part_s": part_s,
        "choices": choices,
        "answer": choices[place],
    }


def perform(pool: RecordingPool, draw: Draw, asked: Mapping[str, Any]) -> Picks | None:
    """A scene in which the answer of `asked` is right."""
    order = draw.some(asked["others"], PARTS)
    order.insert(asked["choices"].index(asked["answer"]), asked["query"])
    events = cast(draw, topic_of(pool, asked["kind"]), order)
    if events is None:
        return None
    part_s = float(asked["part_s"])
    return stage(in_slots(draw, events, part_s), PARTS * part_s, asked)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, then a scene in which it is so."""
    asked = ask(pool, draw)
    return None if asked is None else perform(pool, draw, asked)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of parts of one scene."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    (row,) = (row for row in scene["events"] if row["name"] == query)
    begin_s, end_s = row["heard"]
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=named(values["kind"], query)),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"{quoted(query)} is heard from {begin_s:.1f} to {end_s:.1f} s. That is in the "
        f"part {answer}.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, True, holds(query)),
    )


FAMILY = QuestionFamily(
    "when",
    "one scene of four events; in which part of the clip is X heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
    timed_reasoning=True,
)
