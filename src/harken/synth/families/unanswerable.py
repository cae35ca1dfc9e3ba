"""unanswerable: one scene; a question whose right option may be that there is none.

Two questions take turns: which of three is heard (or "none of these"), and what is heard right
after X (or that X is not heard). That option is right in a quarter of the items, as each other one
is, and all stand in random order. A scene has as many events when it is right as when it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, left_open, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import capital, listed, named, quoted

OPTIONS = 3
"""Options besides the one that says that there is none."""

EVENTS = {"which": 3, "after": 4}
"""Events of a scene, whatever the answer."""

NAMES = {"which": OPTIONS + EVENTS["which"], "after": OPTIONS + 2}
"""Names that each question needs."""

NONE = "none of these"

QUESTIONS = {
    "which": (
        "Which of these is heard?",
        "Which one of these do you hear?",
        "Is one of these in the recording, and which?",
        "One of these may be in the clip. Which?",
    ),
    "after": (
        "What is heard right after {x}?",
        "Which of these comes directly after {x}?",
        "What follows {x}?",
        "Listen for {x}. What is heard next?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Five events are needed."""
    return lacks_topics(pool, min(NAMES.values()))


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and question (balanced); names, options, the right one, scene."""
    designs = [(t, form) for form, n in NAMES.items() for t in staged_topics(pool, n)]
    topic, form = designs[draw.design.turn(len(designs))]
    place = draw.design.toss(OPTIONS + 1)
    names = mixed_names(draw, topic, NAMES[form])
    if names is None:
        return None
    none = NONE if form == "which" else f"{quoted(names[0])} is not heard"
    offered = names[1 : OPTIONS + 1]
    choices = draw.some([*offered, none], OPTIONS + 1)
    answer = choices[place]
    rest = [names[0], *names[OPTIONS + 1 :]]
    order = _order(draw, form, "" if answer == none else answer, offered, rest)
    events = cast(draw, topic, order)
    if events is None:
        return None
    values = {
        "kind": topic.kind,
        "form": form,
        "query": names[0],
        "choices": choices,
        "answer": answer,
        "none": answer == none,
    }
    return stage(in_slots(draw, events), len(order) * SLOT_S, values)


def _order(
    draw: Draw, form: str, answer: str, offered: Sequence[str], rest: Sequence[str]
) -> list[str]:
    """Names in the order in which they are heard; no `answer`: none of the options is right."""
    if form == "which":
        heard = [*rest[1:], answer] if answer else list(rest)
        return draw.some(heard, EVENTS[form])
    query, filling = rest
    if not answer:
        return draw.some([*offered, filling], EVENTS[form])
    more = draw.some([name for name in offered if name != answer], OPTIONS - 1)
    at = int(draw.rng.integers(len(more) + 1))
    return [*more[:at], query, answer, *more[at:]]


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice with an option that says that there is none."""
    scene, form, query, answer = (values[key] for key in ("scene", "form", "query", "answer"))
    clip, facts = staged(scene, recordings)
    heard = listed([quoted(row["name"]) for row in scene["events"]])
    if form == "which":
        end = (
            f"So it is {answer}."
            if values["none"]
            else f"Of the options only {quoted(answer)} is among them."
        )
        proof, enough = False, None if values["none"] else holds(answer)
    else:
        end = (
            f"So {answer}." if values["none"] else f"After {quoted(query)} comes {quoted(answer)}."
        )
        proof = not values["none"] and left_open(scene, values["choices"])
        enough = None if values["none"] else holds(query, answer)
    tags = (values["kind"], "scene", form, *(("unanswerable",) if values["none"] else ()))
    return BuiltQuestion(
        question=QUESTIONS[form][template].format(x=named(values["kind"], query)),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"One after the other are heard {heard}. {capital(end)}",
        tags=tags,
        facts=(facts,),
        need=need_of(scene, proof, enough),
    )


FAMILY = QuestionFamily(
    "unanswerable",
    "one scene; a question whose right option may be that there is none",
    len(QUESTIONS["which"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("general",),
)
