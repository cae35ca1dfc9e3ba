"""sub-scene: a long scene of four parts; in which part is X heard?

Every part has a sound of its own, heard about equally often in each. Length and X are balanced, the
part in which X is is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.long import PARTS, clock, drawn_names, in_parts, lacks_long, stage_long, verified
from harken.synth.needs import holds, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import staged
from harken.synth.wording import named, quoted

QUESTIONS = (
    "In which part of the recording is {x} heard?",
    "During which part do you hear {x}?",
    "Between which times does {x} occur?",
    "Which part of this long recording has {x}?",
    "Where in the recording is {x}? Times are in minutes and seconds.",
    "Give the part that holds {x}.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_long(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Length (balanced); the part, the names, the scene."""
    topic, long_s, names = drawn_names(pool, draw)
    part = draw.design.toss(PARTS)
    if names is None:
        return None
    query, *order = names
    order.insert(part, query)
    events = in_parts(draw, topic, order, long_s)
    if events is None:
        return None
    values = {"kind": topic.kind, "query": query, "part": part}
    return verified(stage_long(events, long_s, values), build, topic, "sub-scene")


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of parts of a long scene."""
    scene, query = values["scene"], values["query"]
    clip, facts = staged(scene, recordings)
    part_s = scene["duration_s"] / PARTS
    choices = tuple(
        f"from {clock(n * part_s, 0)} to {clock((n + 1) * part_s, 0)}" for n in range(PARTS)
    )
    times = [row["heard"][0] for row in scene["events"] if row["name"] == query]
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=named(values["kind"], query)),
        answer=choices[values["part"]],
        choices=choices,
        clips=(clip,),
        rationale=f"{quoted(query)} begins at {clock(times[0])}, and again at {clock(times[-1])}.",
        tags=(values["kind"], "scene", "long"),
        facts=(facts,),
        need=need_of(scene, True, holds(query)),
    )


FAMILY = QuestionFamily(
    "sub-scene",
    "a long scene of four parts; in which part is X heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    group="long",
    skills=("temporal",),
    timed_reasoning=True,
)
