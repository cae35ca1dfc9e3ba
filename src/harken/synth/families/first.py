"""first: one scene of two events in sequence; which came first?

The scene is a plan clip: two recordings of one label (or one word) each, with a gap of 0.2-0.8 s
and gains of -6-0 dB, both drawn independently of the order. Each of the two names is first equally
often, and so is each position among the choices. Recordings over 10 s are used only where the
corpus gives the onset of their event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.scene import draw_timing, sequence
from harken.synth.wording import quoted

QUESTIONS = {
    "sound": (
        "Which sound comes first?",
        "Two sounds follow each other. Which is heard first?",
        "Which of these two is the earlier sound?",
        "With which sound does the recording begin?",
        "Which of the two sounds do you hear before the other?",
        "What is heard first?",
    ),
    "word": (
        "Which word comes first?",
        "Two words are spoken in turn. Which is spoken first?",
        "Which of these two is the earlier word?",
        "With which word does the recording begin?",
        "Which of the two words do you hear before the other?",
        "What is said first?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Two events are needed."""
    if _topics(pool):
        return ""
    found = " and ".join(str(len(topic.names)) for topic in pool.events)
    return (
        "recordings of 2 labels or 2 words, short enough for a scene or with onsets, are needed; "
        f"there are {found}"
    )


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, position of the gold, one name (all balanced); the other name, order, timing."""
    topics = _topics(pool)
    topic = topics[draw.design.turn(len(topics))]
    place = draw.design.turn(2)
    anchor = topic.names[draw.design.turn(len(topic.names))]
    names = topic.near_set(draw.rng, anchor, 2)
    if names is None:
        return None
    choices = draw.some(names, 2)
    heard = [choices[place], choices[1 - place]]
    a = draw.recording(topic, heard[0])
    b = draw.recording(topic, heard[1], taken=[a] if a else [])
    if a is None or b is None:
        return None
    values = {"kind": topic.kind, "choices": choices, "heard": heard, "answer": heard[0]}
    return Picks((a, b), {**values, **draw_timing(draw, (a, b))})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of two names about one scene."""
    first, second = (quoted(name) for name in values["heard"])
    clip, facts = sequence(recordings, dict(values))
    return BuiltQuestion(
        question=QUESTIONS[values["kind"]][template],
        answer=values["answer"],
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"First {first} is heard, then {second}. So {first} came first.",
        tags=(values["kind"], "scene"),
        facts=(facts,),
    )


def _topics(pool: RecordingPool) -> list[Topic]:
    return [topic for topic in pool.events if len(topic.names) >= 2]


FAMILY = QuestionFamily(
    "first",
    "one scene of two events, one after the other; which came first?",
    len(QUESTIONS["sound"]),
    lacks,
    pick,
    build,
    caption_proof=True,
    skills=("temporal",),
)
