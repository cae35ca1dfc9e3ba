"""moves: one scene of two events in space; how does X move?

X moves from left to right, from right to left, or stays on one side, all equally likely; the other
event does another of these, so that every answer but one is false and one of the false ones is true
of something that is heard. Only names that are heard for two seconds are used, since a motion takes
time. The layout (stereo, binaural, first-order ambisonics) is balanced too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.audio.space.place import Place
from harken.corpora.base import Recording
from harken.synth.needs import holds, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import LONGEST_S, cast, lacks_topics, long_names, staged_topics
from harken.synth.wording import named, quoted

LAYOUTS = ("stereo", "binaural", "foa")

WAYS = {
    "it moves from left to right": (1, -1),
    "it moves from right to left": (-1, 1),
    "it stays on the left": (1,),
    "it stays on the right": (-1,),
}
"""Sides (1 is left) at the beginning and, if it moves, at the end."""

QUESTIONS = (
    "How does {x} move?",
    "Does {x} move, and how?",
    "Listen to where {x} is from its beginning to its end. What does it do?",
    "Where does the source of {x} go?",
    "Follow {x}: which of these is true of it?",
    "What is true of the place of {x}?",
)


def lacks(pool: RecordingPool) -> str:
    """Two names that are heard for two seconds are needed."""
    return lacks_topics(pool, 2, LONGEST_S)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and layout (balanced); both motions, names, places."""
    topics = staged_topics(pool, 2, LONGEST_S)
    topic = topics[draw.design.turn(len(topics))]
    layout = LAYOUTS[draw.design.turn(len(LAYOUTS))]
    answer = tuple(WAYS)[draw.design.toss(len(WAYS))]
    names = long_names(draw, topic, 2, LONGEST_S)
    if names is None:
        return None
    events = cast(draw, topic, names, least_s=LONGEST_S)
    if events is None:
        return None
    way_of = {names[0]: answer, names[1]: draw.one([way for way in WAYS if way != answer])}
    found = [
        replace(one, path=_path(draw, WAYS[way_of[one.event.name]]))
        for one in in_slots(draw, draw.some(events, 2))
    ]
    values = {"kind": topic.kind, "query": names[0], "answer": answer}
    return stage(found, len(found) * SLOT_S, values, layout)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of motions."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    (row,) = (row for row in scene["events"] if row["name"] == query)
    degrees = " to ".join(f"{place[0]:.0f}" for place in row["path"])
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=named(values["kind"], query)),
        answer=answer,
        choices=tuple(WAYS),
        clips=(clip,),
        rationale=f"{quoted(query)} is heard at {degrees} degrees to the left of the front: "
        f"{answer}.",
        tags=(values["kind"], "scene", scene["layout"]),
        facts=(facts,),
        need=need_of(scene, True, holds(query)),
    )


def _path(draw: Draw, sides: tuple[int, ...]) -> tuple[Place, ...]:
    """Places at one distance, as far to the left and to the right."""
    azimuth = float(draw.rng.uniform(45.0, 65.0))
    metres = round(float(draw.rng.uniform(2.0, 3.0)), 2)
    return tuple(Place(round(side * azimuth, 1), 0.0, metres) for side in sides)


FAMILY = QuestionFamily(
    "moves",
    "one scene of two events in space; how does X move?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("attribute", "temporal"),
)
