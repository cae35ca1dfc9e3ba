"""nearer: one scene in which X is heard twice; which time is it nearer?

The same take is played at the same level from two distances in one direction, one two and a half to
four times the other, so nothing but distance tells the two apart. In half of the items another
event is in between. Layout and X are balanced, the right time is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.audio.space.place import Place
from harken.corpora.base import Recording
from harken.synth.needs import Events, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import anchors, cast, lacks_topics, staged_topics
from harken.synth.wording import named, quoted

LAYOUTS = ("mono", "stereo", "binaural", "foa")
CHOICES = ("the first time", "the second time")

QUESTIONS = (
    "{X} is heard twice. When is it nearer?",
    "Which time is {x} closer to the listener?",
    "You hear {x} two times, once nearby and once from farther away. When is it nearby?",
    "Of the two times that {x} is heard, which is nearer?",
    "Compare the distances of {x}: which time is it closer?",
    "Twice {x} is heard. Which time is its source nearer?",
)


def lacks(pool: RecordingPool) -> str:
    """Two names are needed, since something else may be heard in between."""
    return lacks_topics(pool, 2)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, layout and X (balanced); the right time, recordings, distances, direction."""
    topics = staged_topics(pool, 2)
    topic = topics[draw.design.turn(len(topics))]
    layout = LAYOUTS[draw.design.turn(len(LAYOUTS))]
    names = anchors(topic, 2)
    query = names[draw.design.aside(len(names))]
    place = draw.design.toss(2)
    others = [name for name in topic.names if not topic.clash(name, query)]
    between = [draw.one(others)] if draw.rng.integers(2) else []
    events = cast(draw, topic, [query, *between])
    if events is None:
        return None
    near_m = round(float(draw.rng.uniform(1.0, 1.5)), 2)
    far_m = round(near_m * float(draw.rng.uniform(2.5, 4.0)), 2)
    azimuth = round(float(draw.rng.uniform(-90.0, 90.0)), 1)
    own, *rest = events
    found = in_slots(draw, [own, *rest, own])
    for number, metres in ((0, far_m), (-1, near_m)) if place else ((0, near_m), (-1, far_m)):
        where = (Place(azimuth, 0.0, metres),)
        found[number] = replace(found[number], level_db=0.0, path=where)
    if rest:
        other = round(float(draw.rng.uniform(-90.0, 90.0)), 1)
        found[1] = replace(found[1], path=(Place(other, 0.0, near_m),))
    values = {"kind": topic.kind, "query": query, "answer": CHOICES[place]}
    return stage(found, len(found) * SLOT_S, values, layout)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of two times."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    metres = [row["path"][0][2] for row in scene["events"] if row["name"] == query]
    x = named(values["kind"], query)
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=x[:1].upper() + x[1:]),
        answer=answer,
        choices=CHOICES,
        clips=(clip,),
        rationale=f"{quoted(query)} is heard from {metres[0]:.1f} m and from {metres[1]:.1f} m. "
        f"So it is nearer {answer}.",
        tags=(values["kind"], "scene", scene["layout"]),
        facts=(facts,),
        need=need_of(scene, True, lambda events: _times(events, query) == 2),
    )


def _times(events: Events, name: str) -> int:
    return sum(row["name"] == name for row in events)


FAMILY = QuestionFamily(
    "nearer",
    "one scene in which X is heard twice; which time is it nearer?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("attribute", "temporal"),
)
