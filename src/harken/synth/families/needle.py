"""needle: a long scene of four parts; what is heard at 23:10?

Each part is full of one sound; at the time that is asked about one event is replaced by any of the
four, so that the part it is in does not tell. All choices are heard in the scene, most of them many
times. The part that is asked about is balanced, the right choice drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.corpora.base import Recording
from harken.synth.long import PARTS, clock, drawn_names, in_parts, lacks_long, stage_long, verified
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import staged
from harken.synth.takes import cast
from harken.synth.wording import quoted

QUESTIONS = (
    "What is heard at {t}?",
    "Go to {t}. What do you hear there?",
    "Which of these is heard at {t} (minutes and seconds)?",
    "At {t} something is heard. What is it?",
    "What can be heard {t} after the beginning (minutes and seconds)?",
    "Find what happens at {t} of the recording.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_long(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Length and part (balanced); the right name, the scene, and the event that is asked about."""
    topic, long_s, names = drawn_names(pool, draw)
    part = draw.design.turn(PARTS)
    right = draw.design.toss(PARTS)
    if names is None:
        return None
    events = in_parts(draw, topic, draw.some(names, PARTS), long_s)
    needle = cast(draw, topic, [names[right]])
    if events is None or needle is None:
        return None
    slot = int(draw.rng.integers(len(events[part])))
    events[part][slot] = replace(events[part][slot], event=needle[0])
    begin_s, end_s = events[part][slot].heard
    time_s = round(begin_s + float(draw.rng.uniform(0.25, 0.75)) * (end_s - begin_s), 1)
    if not begin_s < time_s < end_s:
        return None
    values = {
        "kind": topic.kind,
        "time_s": time_s,
        "onset_s": begin_s,
        "choices": names,
        "answer": names[right],
    }
    return verified(stage_long(events, long_s, values), build, topic, "needle")


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of names about one time of a long scene."""
    scene, answer, time_s = values["scene"], values["answer"], values["time_s"]
    clip, facts = staged(scene, recordings)
    onset_s = values["onset_s"]
    return BuiltQuestion(
        question=QUESTIONS[template].format(t=clock(time_s)),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"{quoted(answer)} begins at {clock(onset_s)}.",
        tags=(values["kind"], "scene", "long"),
        facts=(facts,),
        need=need_of(scene, True, lambda events: any(r["heard"][0] == onset_s for r in events)),
    )


FAMILY = QuestionFamily(
    "needle",
    "a long scene of four parts; what is heard at a time?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    group="long",
    skills=("temporal", "information"),
    timed_reasoning=True,
)
