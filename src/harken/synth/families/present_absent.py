"""present-absent: one scene of three events, four names; which are heard, and which are not?

Open-ended targets of what is present and what is absent, as BALSa (arXiv 2505.20166) trains with,
from names that the question lists. Three questions take turns: which are heard, which are not, and
both. One to three of the four are heard, all numbers equally likely; the scene always has three
events, the others of names that are not listed. In the rejected answer one name that is heard and
one that is not have changed places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import capital, listed, quoted

EVENTS = 3
LISTED = 4

QUESTIONS = {
    "present": (
        "Which of these are heard: {names}? Keep their order, separated by commas.",
        "{names}: name those that you hear, in this order, separated by commas.",
        "Of {names}, list the ones in the recording, in the same order, separated by commas.",
        "Pick out what is heard from {names}. Answer with names in this order and commas.",
    ),
    "absent": (
        "Which of these are not heard: {names}? Keep their order, separated by commas.",
        "{names}: name those that you do not hear, in this order, separated by commas.",
        "Of {names}, list the ones missing from the recording, in the same order, separated by "
        "commas.",
        "Pick out what is not heard from {names}. Answer with names in this order and commas.",
    ),
    "both": (
        "Which of these are heard, and which are not: {names}? Answer in the form: heard: names; "
        "not heard: names.",
        "{names}: sort them by whether you hear them. Answer in the form: heard: names; not heard: "
        "names.",
        "Say of {names} what is in the recording and what is not, in the form: heard: names; not "
        "heard: names.",
        "Go through {names} one by one: is it heard? Answer in the form: heard: names; not heard: "
        "names.",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Six events are needed: four that are listed and two that are not."""
    return lacks_topics(pool, LISTED + EVENTS - 1)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and question (balanced); names, how many of them are heard and which, scene."""
    topics = staged_topics(pool, LISTED + EVENTS - 1)
    topic = topics[draw.design.turn(len(topics))]
    form = tuple(QUESTIONS)[draw.design.turn(len(QUESTIONS))]
    number = 1 + draw.design.toss(EVENTS)
    names = mixed_names(draw, topic, LISTED + EVENTS - 1)
    if names is None or any("," in name or ";" in name for name in names):
        return None
    offered, spare = names[:LISTED], names[LISTED:]
    present = draw.some(offered, number)
    events = cast(draw, topic, draw.some([*present, *spare[: EVENTS - number]], EVENTS))
    if events is None:
        return None
    swapped = [draw.one(present), draw.one([name for name in offered if name not in present])]
    values = {"kind": topic.kind, "form": form, "names": offered, "swapped": swapped}
    return stage(in_slots(draw, events), EVENTS * SLOT_S, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question with a rejected answer."""
    scene, form, names = values["scene"], values["form"], values["names"]
    clip, facts = staged(scene, recordings)
    heard = [row["name"] for row in scene["events"]]
    present = {name for name in names if name in heard}
    answer = _told(form, names, present)
    asked = QUESTIONS[form][template].format(names=listed([quoted(name) for name in names]))
    return BuiltQuestion(
        question=asked,
        answer=answer,
        choices=(),
        clips=(clip,),
        rationale=f"{capital(listed([quoted(name) for name in heard]))} are heard. So the answer "
        f"is: {answer}",
        tags=(values["kind"], "scene", form),
        facts=(facts,),
        need=need_of(scene, False),
        rejected=_told(form, names, present ^ {*values["swapped"]}),
    )


def _told(form: str, names: Sequence[str], present: set[str]) -> str:
    """The answer if `present` are heard; names in the order in which they are listed."""
    heard = ", ".join(name for name in names if name in present)
    missing = ", ".join(name for name in names if name not in present)
    return {"present": heard, "absent": missing}.get(form, f"heard: {heard}; not heard: {missing}")


FAMILY = QuestionFamily(
    "present-absent",
    "one scene of three events, four names; which are heard, and which are not?",
    len(QUESTIONS["both"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("information",),
)
