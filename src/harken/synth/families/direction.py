"""direction: one scene in space; from where is X heard, or what is heard from the left?

Stereo, binaural and first-order ambisonics take turns. There is one event in every direction that
can be told apart (behind only in ambisonics: the binaural head has no pinnae), so a direction that
is wrong for X is right for another. Which of the two is asked, and the direction that is asked
about, are balanced; the answer is drawn for each item alone. A model that averages the channels
hears none of it.
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
from harken.synth.takes import anchors, cast, lacks_topics, mixed_names, staged_topics, topic_of
from harken.synth.wording import named, quoted

SIDES = {"left": (60, 120), "right": (-120, -60), "front": (-8, 8), "behind": (172, 188)}
"""Azimuths (degrees to the left of the front) of each direction."""

LAYOUTS = {
    "stereo": ("left", "right", "front"),
    "binaural": ("left", "right", "front"),
    "foa": ("left", "right", "front", "behind"),
}

TOLD = {
    "left": "from the left",
    "right": "from the right",
    "front": "from the front",
    "behind": "from behind",
}

QUESTIONS = {
    "where": (
        "From where is {x} heard?",
        "From which direction does {x} come?",
        "Where is {x}, as heard by the listener?",
        "Listen for {x}: from which side does it come?",
    ),
    "which": (
        "What is heard {side}?",
        "Which of these comes {side}?",
        "One of these is heard {side}. Which one?",
        "Listen for what comes {side}. What is it?",
    ),
}

SMALLEST = 3


def lacks(pool: RecordingPool) -> str:
    """Three events are needed."""
    return lacks_topics(pool, SMALLEST)


def ask(pool: RecordingPool, draw: Draw) -> dict[str, Any] | None:
    """Topic, layout, what is asked (balanced); the right one of the choices, the names."""
    topics = staged_topics(pool, SMALLEST)
    topic = topics[draw.design.turn(len(topics))]
    layouts = [name for name, sides in LAYOUTS.items() if anchors(topic, len(sides))]
    layout = layouts[draw.design.turn(len(layouts))]
    sides = LAYOUTS[layout]
    form = tuple(QUESTIONS)[draw.design.turn(2)]
    side = sides[draw.design.aside(len(sides))]
    place = draw.design.toss(len(sides))
    names = mixed_names(draw, topic, len(sides))
    if names is None:
        return None
    asked = {"kind": topic.kind, "form": form, "layout": layout, "names": names}
    if form == "where":
        choices = [TOLD[one] for one in sides]
        return {**asked, "query": names[0], "choices": choices, "answer": choices[place]}
    return {**asked, "query": TOLD[side], "choices": names, "answer": names[place]}


def perform(pool: RecordingPool, draw: Draw, asked: Mapping[str, Any]) -> Picks | None:
    """A scene in which the answer of `asked` is right."""
    where = {TOLD[side]: side for side in LAYOUTS[asked["layout"]]}
    name, told = _pair(asked)
    others = draw.some([one for one in where if one != told], 9)
    side_of = {name: where[told]}
    for other in asked["names"]:
        if other != name:
            side_of[other] = where[others.pop()]
    order = draw.some(asked["names"], 9)
    events = cast(draw, topic_of(pool, asked["kind"]), order)
    if events is None:
        return None
    found = [
        replace(one, path=(_place(draw, side_of[one.event.name]),))
        for one in in_slots(draw, events)
    ]
    return stage(found, len(order) * SLOT_S, asked, asked["layout"])


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, then a scene in which it is so."""
    asked = ask(pool, draw)
    return None if asked is None else perform(pool, draw, asked)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of directions or of names."""
    scene, form, query = values["scene"], values["form"], values["query"]
    clip, facts = staged(scene, recordings)
    name, told = _pair(values)
    x = named(values["kind"], query) if form == "where" else ""
    return BuiltQuestion(
        question=QUESTIONS[form][template].format(x=x, side=query),
        answer=values["answer"],
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"{quoted(name)} is heard {told}.",
        tags=(values["kind"], "scene", scene["layout"], form),
        facts=(facts,),
        need=need_of(scene, True, holds(name)),
    )


def _pair(values: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the direction that question and answer are about."""
    query, answer = values["query"], values["answer"]
    return (query, answer) if values["form"] == "where" else (answer, query)


def _place(draw: Draw, side: str) -> Place:
    low, high = SIDES[side]
    azimuth = (float(draw.rng.uniform(low, high)) + 180.0) % 360.0 - 180.0
    return Place(round(azimuth, 1), 0.0, round(float(draw.rng.uniform(1.0, 2.0)), 2))


FAMILY = QuestionFamily(
    "direction",
    "one scene in space; from where is X heard, or what is heard from there?",
    len(QUESTIONS["where"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("attribute",),
)
