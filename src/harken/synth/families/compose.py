"""compose: one scene; a question that joins order with loudness, duration or number.

Compositional reasoning after CompA-R (GAMA, arXiv 2406.11768): which of what is heard after X is
the loudest, or is heard longest; what is heard right after the loudest; how many sounds are between
X and Y. No single fact answers: of what is loudest or longest on the whole, one option is on the
wrong side of X. Sides take turns. The rationale is time-stamped (Audio Flamingo's AF-Think-Time):
first what is heard when, then step by step what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import Events, holds, left_open, need_of
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, StagedEvent, in_slots, stage, staged
from harken.synth.takes import (
    CastEvent,
    cast,
    lacks_topics,
    long_names,
    mixed_names,
    staged_topics,
)
from harken.synth.wording import listed, named, quoted

CHOICES = 3
LENGTHS_S = (0.5, 1.0, 2.0)
"""What is longest on the wrong side is cut to the last, the answer to the one before."""

LEVELS_DB = (-16.0, -8.0, 0.0)
"""The same of levels."""

LONGER = 1.3
"""How many times as long as the next one an event must be, as it is measured."""

EVENTS = {"loudest-of": 4, "longest-of": 4, "beside-loudest": 4, "between": 5}
"""Events of a scene, and names."""

QUESTIONS = {
    "loudest-of": (
        "Of what is heard {side} {x}, which is the loudest?",
        "Which is the loudest of those that are heard {side} {x}?",
        "Take only what is heard {side} {x}. Which of it is loudest?",
        "Among the sounds {side} {x}, which one has the highest level?",
    ),
    "longest-of": (
        "Of what is heard {side} {x}, which lasts the longest?",
        "Which goes on for the longest time of those that are heard {side} {x}?",
        "Take only what is heard {side} {x}. Which of it is heard longest?",
        "Among the sounds {side} {x}, which one has the longest duration?",
    ),
    "beside-loudest": (
        "What is heard right {side} the loudest sound?",
        "Find the loudest event. What comes directly {side} it?",
        "Which of these is heard immediately {side} the loudest of all?",
        "One event is louder than all others. What is heard right {side} it?",
    ),
    "between": (
        "How many others are heard between {x} and {y}?",
        "Count what is heard between {x} and {y}. How many are there?",
        "{x} and {y} are both heard. How many events lie between them?",
        "Between {x} and {y}, whichever comes first: how many other events are heard?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return "" if _designs(pool) else lacks_topics(pool, EVENTS["loudest-of"])


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, question and side (balanced); the right option, names, scene."""
    designs = _designs(pool)
    topic, form = designs[draw.design.turn(len(designs))]
    after = draw.design.turn(2) == 0
    place = draw.design.toss(EVENTS[form] - 1 if form == "between" else CHOICES)
    names = (
        long_names(draw, topic, EVENTS[form], LENGTHS_S[-1])
        if form == "longest-of"
        else mixed_names(draw, topic, EVENTS[form])
    )
    if names is None:
        return None
    values: dict[str, Any] = {
        "kind": topic.kind,
        "form": form,
        "side": "after" if after else "before",
    }
    if form == "between":
        return _between(draw, topic, names, place, values)
    choices, query = names[:CHOICES], names[CHOICES]
    answer = choices[place]
    rest = draw.some([name for name in choices if name != answer], CHOICES)
    values |= {"query": query, "choices": choices, "answer": answer}
    if form == "beside-loudest":
        at = int(draw.rng.integers(CHOICES))
        order = [*rest[:at], query, answer, *rest[at:]]
        levels = {name: float(draw.rng.uniform(*LEVELS_DB[:2])) for name in choices}
        levels[query], most = LEVELS_DB[-1], {}
    else:
        trap, least = rest
        order = [trap, query, *draw.some([answer, least], 2)]
        ranked = (least, answer, trap)
        levels = {query: draw.one(LEVELS_DB), **dict(zip(ranked, LEVELS_DB, strict=True))}
        most = {query: draw.one(LENGTHS_S), **dict(zip(ranked, LENGTHS_S, strict=True))}
        levels, most = ({}, most) if form == "longest-of" else (levels, {})
    order = order if after else order[::-1]
    events = _cast(draw, topic, order, most)
    if events is None or (most and not _ranked(events, ranked)):
        return None
    found = _levelled(in_slots(draw, events), levels)
    return stage(found, len(order) * SLOT_S, values)


def _between(
    draw: Draw, topic: Topic, names: Sequence[str], number: int, values: dict[str, Any]
) -> Picks | None:
    """A scene with so many events between the first two names."""
    x, y, *others = names
    inner = draw.some(others, number)
    outer = draw.some([name for name in others if name not in inner], len(others))
    at = int(draw.rng.integers(len(outer) + 1))
    one, other = (x, y) if values["side"] == "after" else (y, x)
    events = cast(draw, topic, [*outer[:at], one, *inner, other, *outer[at:]])
    if events is None:
        return None
    choices = [str(n) for n in range(EVENTS["between"] - 1)]
    values |= {"query": x, "other": y, "choices": choices, "answer": str(number)}
    return stage(in_slots(draw, events), len(names) * SLOT_S, values)


def _cast(
    draw: Draw, topic: Topic, order: Sequence[str], most: Mapping[str, float]
) -> list[CastEvent] | None:
    if not most:
        return cast(draw, topic, order)
    lengths = [most[name] for name in order]
    return cast(draw, topic, order, most_s=lengths, least_s=LENGTHS_S[-1])


def _ranked(events: Sequence[CastEvent], names: Sequence[str]) -> bool:
    """Whether each of the names is heard clearly longer than the one before."""
    heard = {event.name: event.take.heard_s for event in events}
    return all(LONGER * heard[one] < heard[other] for one, other in pairwise(names))


def _levelled(events: Sequence[StagedEvent], levels: Mapping[str, float]) -> list[StagedEvent]:
    """The events at the levels that are given."""
    return [
        StagedEvent(one.event, one.at_s, round(levels.get(one.event.name, one.level_db), 2))
        for one in events
    ]


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names, or of numbers."""
    scene, form, query, answer = (values[key] for key in ("scene", "form", "query", "answer"))
    clip, facts = staged(scene, recordings)
    question = QUESTIONS[form][template].format(
        side=values["side"],
        x=named(values["kind"], query),
        y=named(values["kind"], values.get("other", "")),
    )
    return BuiltQuestion(
        question=question[:1].upper() + question[1:],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=reasoning(values),
        tags=(values["kind"], "scene", form),
        facts=(facts,),
        need=need_of(
            scene, form == "between" or left_open(scene, values["choices"]), _enough(values)
        ),
    )


def reasoning(values: Mapping[str, Any]) -> str:
    """What is heard when, the steps, and the answer, from the constants of the scene."""
    events, form, answer = values["scene"]["events"], values["form"], values["answer"]
    heard = ". ".join(_line(row, form) for row in events)
    query, side = quoted(values["query"]), values["side"]
    if form == "between":
        inside = [quoted(row["name"]) for row in _inside(values, events)]
        there = listed(inside) or "nothing"
        steps = f"Between {query} and {quoted(values['other'])} is heard: {there}. That is {answer}"
    elif form == "beside-loudest":
        steps = f"The loudest is {query}. Right {side} it comes {quoted(answer)}"
    else:
        own = listed([quoted(row["name"]) for row in beside(values, events)])
        most = "loudest" if form == "loudest-of" else "longest"
        steps = (
            f"{side.capitalize()} {query} are heard {own}. The {most} of these is {quoted(answer)}"
        )
    return f"{heard}. {steps}."


def _line(row: Mapping[str, Any], form: str) -> str:
    """When an event is heard, and what of it matters."""
    begin_s, end_s = row["heard"]
    told = f"{begin_s:.1f} to {end_s:.1f} s: {quoted(row['name'])}"
    if form == "longest-of":
        return f"{told} for {end_s - begin_s:.1f} s"
    return told if form == "between" else f"{told} at {row['level_db']:.0f} dB"


def beside(values: Mapping[str, Any], events: Events) -> list[Mapping[str, Any]]:
    """The events on the side of X that is asked about."""
    names = [row["name"] for row in events]
    at = names.index(values["query"])
    return list(events[at + 1 :] if values["side"] == "after" else events[:at])


def _inside(values: Mapping[str, Any], events: Events) -> list[Mapping[str, Any]]:
    names = [row["name"] for row in events]
    first, last = sorted((names.index(values["query"]), names.index(values["other"])))
    return list(events[first + 1 : last])


def _enough(values: Mapping[str, Any]) -> Callable[[Events], bool] | None:
    """X and all on its side; X and Y; for the loudest of all, the whole clip."""
    if values["form"] == "beside-loudest":
        return None
    if values["form"] == "between":
        return holds(values["query"], values["other"])
    own = beside(values, values["scene"]["events"])
    return holds(values["query"], *(row["name"] for row in own))


def _designs(pool: RecordingPool) -> list[tuple[Topic, str]]:
    return [
        (topic, form)
        for form, number in EVENTS.items()
        for topic in staged_topics(pool, number, LENGTHS_S[-1] if form == "longest-of" else 0.0)
    ]


FAMILY = QuestionFamily(
    "compose",
    "one scene; a question that joins order with loudness, duration or number",
    len(QUESTIONS["between"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "attribute", "counting"),
    timed_reasoning=True,
)
