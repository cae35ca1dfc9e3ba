"""count: two to four clips; in how many is X? (choices "0" to the number of clips).

The number of clips is balanced, and for each number of clips the right answer and X, independently
of each other; 0 is right as often as any other answer. Clips without X have another name, all
equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import NUMBER, heard_in_clips, named, quoted

CLIPS = (2, 3, 4)

QUESTIONS = (
    "In how many of the {n} clips do you hear {x}?",
    "How many of the {n} clips contain {x}?",
    "Count the clips with {x}. How many of the {n} are there?",
    "{N} clips: in how many of them is {x} to be heard?",
    "Of the {n} recordings, how many have {x} in them?",
    "Among the {n} clips, how many have {x} in them?",
)


def lacks(pool: RecordingPool) -> str:
    """Two names, one of them in two source recordings, are needed."""
    if _designs(pool):
        return ""
    return (
        "2 labels of sounds or 2 spoken words in at least 2 recordings are needed, there are "
        f"{len(pool.sounds.names)} and {len(pool.words.names)}"
    )


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, number of clips, the count and X (all balanced); which clips, the other names."""
    designs = _designs(pool)
    topic, sizes = designs[draw.design.turn(len(designs))]
    n = sizes[draw.design.turn(len(sizes))]
    names = topic.with_sources(n)
    query = names[draw.design.aside(len(names))]
    right = draw.design.turn(n + 1)
    places = set(draw.some(range(n), right))
    heard: list[str] = []
    recordings: list[Recording] = []
    for place in range(n):
        name = query if place in places else draw.one(topic.names)
        if place not in places and topic.clash(name, query):
            return None
        without = () if place in places else (query,)
        found = draw.recording(topic, name, without=without, taken=recordings)
        if found is None:
            return None
        heard.append(name)
        recordings.append(found)
    values = {"kind": topic.kind, "query": query, "heard": heard, "answer": str(right)}
    return Picks(tuple(recordings), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of numbers."""
    kind, query, answer = values["kind"], values["query"], values["answer"]
    n = len(recordings)
    return BuiltQuestion(
        question=QUESTIONS[template].format(
            n=NUMBER[n], N=NUMBER[n].capitalize(), x=named(kind, query)
        ),
        answer=answer,
        choices=tuple(str(i) for i in range(n + 1)),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"{heard_in_clips(kind, values['heard'])} "
        f"{quoted(query)} is in {answer} of the {NUMBER[n]} clips.",
        tags=(kind,),
    )


def _designs(pool: RecordingPool) -> list[tuple[Topic, list[int]]]:
    """Topics, each with the numbers of clips for which it has enough recordings."""
    found = []
    for topic in (pool.sounds, pool.words):
        sizes = [n for n in CLIPS if topic.with_sources(n)]
        if len(topic.names) >= 2 and sizes:
            found.append((topic, sizes))
    return found


FAMILY = QuestionFamily(
    "count",
    "two to four clips; in how many is X?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("counting",),
)
