"""which-clip: two to four clips; in which is X?

MAE's "Event Retrieval" and "Hotword Detection". X is in exactly one clip. The number of clips is
balanced, and for each number the position of X and its name, independently of each other; the other
clips have other names, similar ones in half of the items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import capital, clip_names, heard_in_clips, named, quoted

CLIPS = (2, 3, 4)

QUESTIONS = (
    "Which clip contains {x}?",
    "In which clip do you hear {x}?",
    "One of the clips has {x} in it. Which one?",
    "{X} can be heard in just one of the clips. In which one?",
    "Where is {x} to be heard?",
    "Find the clip with {x}.",
    "Which of the recordings has {x} in it?",
    "Listen for {x}: in which clip does it occur?",
)


def lacks(pool: RecordingPool) -> str:
    """Two names of sounds, or two words, are needed."""
    if not _topics(pool):
        found = f"{len(pool.sounds.names)} and {len(pool.words.names)}"
        return f"2 labels of sounds or 2 spoken words are needed, there are {found}"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, number of clips, name and position of X (all balanced), the other clips' names."""
    topics = _topics(pool)
    topic = topics[draw.design.turn(len(topics))]
    sizes = [n for n in CLIPS if n <= len(topic.names)]
    n = sizes[draw.design.turn(len(sizes))]
    query = topic.names[draw.design.aside(len(topic.names))]
    place = draw.design.turn(n)
    others = _others(topic, draw, query, n - 1)
    if others is None:
        return None
    heard = [*others[:place], query, *others[place:]]
    recordings: list[Recording] = []
    for name in heard:
        without = () if name == query else (query,)
        found = draw.recording(topic, name, without=without, taken=recordings)
        if found is None:
            return None
        recordings.append(found)
    values = {"kind": topic.kind, "query": query, "heard": heard, "answer": f"clip {place + 1}"}
    return Picks(tuple(recordings), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of clips."""
    kind, query, answer = values["kind"], values["query"], values["answer"]
    x = named(kind, query)
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=capital(x)),
        answer=answer,
        choices=clip_names(len(recordings)),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"{heard_in_clips(kind, values['heard'])} {quoted(query)} is in {answer}.",
        tags=(kind,),
    )


def _topics(pool: RecordingPool) -> list[Topic]:
    return [topic for topic in (pool.sounds, pool.words) if len(topic.names) >= 2]


def _others(topic: Topic, draw: Draw, query: str, n: int) -> list[str] | None:
    """`n` names for the other clips in random order: similar to X or any, equally likely."""
    if draw.rng.random() < 0.5:
        names = topic.near_set(draw.rng, query, n + 1)
        return None if names is None else draw.some(names[1:], n)
    names = draw.some([name for name in topic.names if not topic.clash(name, query)], n)
    return names if len(names) == n else None


FAMILY = QuestionFamily(
    "which-clip",
    "two to four clips; in which is X?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
