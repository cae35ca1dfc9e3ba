"""order: name all that is heard, in order; open-ended, such as "rain, dog bark, rooster".

In half of the items each clip has one name, in the other half one scene has them all. The question
lists the names alphabetically, so a model need not guess the vocabulary; every order is right
equally often (chance is 1 / n!).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import factorial
from typing import Any

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.facts import ClipFacts
from harken.item import ListeningNeed
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.scene import draw_timing, sequence
from harken.synth.wording import NUMBER, heard_in_clips, listed, quoted

SIZES = {"clips": (2, 3, 4), "scene": (2, 3)}

QUESTIONS = {
    "clips": (
        "The clips hold, in alphabetical order, {names}. Name them in the order of the clips, "
        "separated by commas.",
        "Each clip holds one of these: {names}. List them from the first clip to the last, "
        "separated by commas.",
        "{names}: what is the order of these {n} over the clips? Answer with the names, "
        "separated by commas.",
        "Write down what is heard in each clip, first clip first, separated by commas. "
        "The names are {names}.",
    ),
    "scene": (
        "The recording holds, in alphabetical order, {names}. Name them in the order in which "
        "they are heard, separated by commas.",
        "You hear {names}, though not necessarily in this order. List them from first to last, "
        "separated by commas.",
        "{names}: in what order do these {n} occur? Answer with the names, separated by commas.",
        "Write down what is heard, the earliest first, separated by commas. The names are {names}.",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Two events are needed."""
    if _topics(pool):
        return ""
    return "2 labels of sounds or 2 words, heard alone in short recordings, are needed"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, form, number of names and their order (all balanced); names, recordings, timing."""
    topics = _topics(pool)
    topic = topics[draw.design.turn(len(topics))]
    form = ("clips", "scene")[draw.design.turn(2)]
    plain = _plain(topic)
    sizes = [n for n in SIZES[form] if n <= len(plain)]
    n = sizes[draw.design.turn(len(sizes))]
    right = draw.design.turn(factorial(n))
    names = sorted(draw.some(plain, n))
    if any(topic.clash(a, b) for i, a in enumerate(names) for b in names[:i]):
        return None
    heard = list(list(permutations(names))[right])
    recordings: list[Recording] = []
    for name in heard:
        found = draw.recording(topic, name, taken=recordings)
        if found is None:
            return None
        recordings.append(found)
    values: dict[str, Any] = {"kind": topic.kind, "form": form, "heard": heard}
    if form == "scene":
        values |= draw_timing(draw, recordings)
    return Picks(tuple(recordings), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open-ended question about the order of names."""
    heard, form, kind = values["heard"], values["form"], values["kind"]
    names = listed([quoted(name) for name in sorted(heard)])
    clips: tuple[Clip, ...]
    facts: tuple[ClipFacts, ...] = ()
    if form == "scene":
        scene, known = sequence(recordings, dict(values))
        clips, facts = (scene,), (known,)
        story = f"One after the other are heard {listed([quoted(name) for name in heard])}."
    else:
        clips = tuple(recording.clip for recording in recordings)
        story = heard_in_clips(kind, heard)
    answer = ", ".join(heard)
    return BuiltQuestion(
        question=QUESTIONS[form][template].format(names=names, n=NUMBER[len(heard)]),
        answer=answer,
        choices=(),
        clips=clips,
        rationale=f"{story} So the order is: {answer}.",
        tags=(kind, form),
        facts=facts,
        need=ListeningNeed(form == "scene"),
    )


def _plain(topic: Topic) -> list[str]:
    """Names without a comma: the answer is separated by commas."""
    return [name for name in topic.names if "," not in name]


def _topics(pool: RecordingPool) -> list[Topic]:
    return [topic for topic in pool.events if len(_plain(topic)) >= 2]


FAMILY = QuestionFamily(
    "order",
    "name all that is heard, in order; an open answer",
    len(QUESTIONS["clips"]),
    lacks,
    pick,
    build,
    skills=("temporal",),
)
