"""duration: one scene of three events; which is heard longest, or how long is X heard?

Rain lasts longer than a bark, so names alone could tell. Only names are used that are heard for the
longest time that is asked for, and each is cut to a length that is drawn independently of it. Which
of the two is asked is balanced; the name, or the length, that is right is drawn for each item
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, left_open, need_of
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, long_names, staged_topics
from harken.synth.wording import listed, named, quoted

EVENTS = 3

LENGTHS_S = {"longest": (0.6, 0.9, 1.3, 1.9, 2.7), "how-long": (0.5, 1.0, 2.0, 4.0)}
"""Lengths to which events are cut: neighbours differ by four tenths, or are twice as long."""

SLOTS_S = {"longest": 3.6, "how-long": 5.0}

TOLD = ("about half a second", "about 1 second", "about 2 seconds", "about 4 seconds")

LONGER = 1.2
"""How many times as long as any other the longest event is at least, as it is measured."""

QUESTIONS = {
    "longest": (
        "Which of these is heard longest?",
        "Which of these lasts longest?",
        "What goes on for the longest time?",
        "Compare how long each is heard. Which is the longest?",
        "Of what is heard, which has the longest duration?",
        "Which one takes the most time?",
    ),
    "how-long": (
        "How long is {x} heard?",
        "How long does {x} last?",
        "For how long can {x} be heard?",
        "What is the duration of {x} in the recording?",
        "From its beginning to its end, how long is {x}?",
        "How much time does {x} take?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Three names are needed that are heard long enough."""
    return "" if _designs(pool) else lacks_topics(pool, EVENTS, LENGTHS_S["longest"][-1])


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked (balanced); the name or length that is right, names, lengths, scene."""
    designs = _designs(pool)
    topic, form = designs[draw.design.turn(len(designs))]
    lengths = LENGTHS_S[form]
    place = draw.design.toss(EVENTS if form == "longest" else len(lengths))
    names = long_names(draw, topic, EVENTS, lengths[-1])
    if names is None:
        return None
    if form == "longest":
        own = sorted(draw.some(lengths, EVENTS))
        most_s = draw.some(own[:-1], EVENTS)
        most_s.insert(place, own[-1])
        choices, answer = names, names[place]
    else:
        most_s = [lengths[place], *(draw.one(lengths) for _ in names[1:])]
        choices, answer = list(TOLD), TOLD[place]
    events = cast(draw, topic, names, most_s=most_s, least_s=lengths[-1])
    if events is None:
        return None
    heard = [event.take.heard_s for event in events]
    if form == "longest" and any(
        heard[place] < LONGER * other for n, other in enumerate(heard) if n != place
    ):
        return None
    if form == "how-long" and not 0.8 * lengths[place] <= heard[0] <= 1.2 * lengths[place]:
        return None
    values = {
        "kind": topic.kind,
        "form": form,
        "query": names[0],
        "choices": choices,
        "answer": answer,
    }
    slot_s = SLOTS_S[form]
    found = in_slots(draw, draw.some(events, EVENTS), slot_s, lengths[-1])
    return stage(found, EVENTS * slot_s, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names, or of lengths."""
    scene, form, query, answer = (values[key] for key in ("scene", "form", "query", "answer"))
    clip, facts = staged(scene, recordings)
    told = {
        row["name"]: f"{quoted(row['name'])} is heard for {row['heard'][1] - row['heard'][0]:.1f} s"
        for row in scene["events"]
    }
    if form == "longest":
        story = f"{listed(list(told.values()))}. So {quoted(answer)} lasts longest."
        need = need_of(scene, left_open(scene, values["choices"]), holds(*told))
    else:
        story = f"{told[query]}. So it lasts {answer}."
        need = need_of(scene, True, holds(query))
    return BuiltQuestion(
        question=QUESTIONS[form][template].format(x=named(values["kind"], query)),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=story,
        tags=(values["kind"], "scene", form),
        facts=(facts,),
        need=need,
    )


def _designs(pool: RecordingPool) -> list[tuple[Topic, str]]:
    return [
        (topic, form)
        for form, lengths in LENGTHS_S.items()
        for topic in staged_topics(pool, EVENTS, lengths[-1])
    ]


FAMILY = QuestionFamily(
    "duration",
    "one scene of three events; which is heard longest, or how long is X heard?",
    len(QUESTIONS["longest"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "attribute"),
)
