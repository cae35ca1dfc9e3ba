"""overlap: one scene of four events, two of them at the same time; which is heard with X?

All choices are in the scene; one of them begins while X is heard, or X while it is, and the others
are heard alone. The right one of the choices is drawn for each item alone; every name is asked for,
and is right, equally often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, left_open, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, StagedEvent, drawn_level, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import named, quoted

EVENTS = 4
PARTS = 3

SHORTEST_S = 0.15
"""Two events of which less is heard together are not used."""

QUESTIONS = (
    "What is heard at the same time as {x}?",
    "Which of these overlaps with {x}?",
    "Something else is heard together with {x}. What is it?",
    "{X} is not heard alone. What is heard with it?",
    "Two of the events overlap, and one of them is {x}. Which is the other?",
    "During {x} something else is heard. What?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, EVENTS)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic (balanced); names, the right one, which part holds both, times."""
    topics = staged_topics(pool, EVENTS)
    topic = topics[draw.design.turn(len(topics))]
    place = draw.design.toss(EVENTS - 1)
    names = mixed_names(draw, topic, EVENTS)
    if names is None:
        return None
    query, *choices = names
    answer = choices[place]
    pair = draw.some([query, answer], 2)
    alone = [name for name in choices if name != answer]
    events = cast(draw, topic, [pair[0], *draw.some(alone, 2), pair[1]])
    if events is None:
        return None
    both = int(draw.rng.integers(PARTS))
    rest, second = events[1:3], events[3]
    order = [*rest[:both], events[0], *rest[both:]]
    found = in_slots(draw, order)
    # The second begins in the first half of what is heard of the first.
    begin_s, end_s = found[both].heard
    late_s = float(draw.rng.uniform(0.1, 0.5)) * (end_s - begin_s)
    found.append(StagedEvent(second, round(begin_s + late_s, 3), drawn_level(draw)))
    if min(end_s, found[-1].heard[1]) - found[-1].heard[0] < SHORTEST_S:
        return None
    last_s = max(one.heard[1] for one in (found[both], found[-1]))
    if both + 1 < PARTS and last_s + SHORTEST_S > found[both + 1].heard[0]:
        return None
    values = {"kind": topic.kind, "query": query, "choices": choices, "answer": answer}
    return stage(found, max(PARTS * SLOT_S, last_s + SHORTEST_S), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names about one scene."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    spans = {row["name"]: row["heard"] for row in scene["events"]}
    told = [
        f"{quoted(name)} is heard from {spans[name][0]:.1f} to {spans[name][1]:.1f} s"
        for name in (query, answer)
    ]
    x = named(values["kind"], query)
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=x[:1].upper() + x[1:]),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"{told[0]}, and {told[1]}. The others are heard alone.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
        need=need_of(scene, left_open(scene, values["choices"]), holds(query, answer)),
    )


FAMILY = QuestionFamily(
    "overlap",
    "one scene of four events, two of them at the same time; which is heard with X?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "sound-context"),
)
