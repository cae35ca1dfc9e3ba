"""segment-order: a long scene of four parts; in which order do their sounds come?

The four options are one order, that with its first two exchanged, with its last two exchanged, and
with both; so none stands out among them. Which of them is right is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.long import (
    PARTS,
    drawn_names,
    in_parts,
    in_words,
    lacks_long,
    stage_long,
    verified,
)
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import staged

QUESTIONS = (
    "In which order are the sounds heard over the recording?",
    "Which order do the parts of the recording come in?",
    "What happens over the whole recording, from its beginning to its end?",
    "The recording has four parts. Which order is right?",
    "Put what is heard in order, from the earliest to the latest.",
    "How does the recording go on, part by part?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_long(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Length (balanced); the options, the right one, the scene."""
    topic, long_s, names = drawn_names(pool, draw)
    right = draw.design.toss(PARTS)
    if names is None:
        return None
    a, b, c, d = names
    orders = draw.some([[a, b, c, d], [b, a, c, d], [a, b, d, c], [b, a, d, c]], PARTS)
    events = in_parts(draw, topic, orders[right], long_s)
    if events is None:
        return None
    values = {"kind": topic.kind, "orders": orders, "right": right}
    return verified(stage_long(events, long_s, values), build, topic, "segment-order")


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of orders of a long scene."""
    scene, order = values["scene"], values["orders"][values["right"]]
    clip, facts = staged(scene, recordings)
    choices = tuple(", then ".join(one) for one in values["orders"])
    ends = max(row["heard"][1] for row in scene["events"] if row["name"] == order[0])
    begins = [row["heard"] for row in scene["events"] if row["name"] == order[-1]]
    first_s = max(row["heard"][0] for row in scene["events"] if row["heard"][1] == ends)
    window_s = round(min(b for _, b in begins) - first_s, 4)
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=choices[values["right"]],
        choices=choices,
        clips=(clip,),
        rationale=in_words(scene, order),
        tags=(values["kind"], "scene", "long"),
        facts=(facts,),
        need=ListeningNeed(True, window_s, scene["duration_s"]),
    )


FAMILY = QuestionFamily(
    "segment-order",
    "a long scene of four parts; in which order do their sounds come?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    group="long",
    skills=("temporal",),
    timed_reasoning=True,
)
