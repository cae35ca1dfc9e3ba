"""absent: one scene of three events; is X heard? (yes / no, after tests of hallucination).

POPE (Li et al., "Evaluating object hallucination in large vision-language models", 2023) asks for
absent objects in three ways, which take turns here: ``random`` (any name), ``popular`` (a name of
the third with the most recordings) and ``adversarial``: the events are those that are heard
together with X most often in the recordings of the corpus (Kuan et al., arXiv 2406.08402), and
where those do not suffice the most similar ones. X and way are balanced, and yes and no are equally
likely, whatever they are, so that no name is absent more often than present; the other events are
drawn alike for both answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import holds, need_of
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import anchors, cast, lacks_topics, staged_topics
from harken.synth.wording import capital, listed, named, quoted

EVENTS = 3
WAYS = ("random", "popular", "adversarial")

QUESTIONS = (
    "Is {x} heard in the recording?",
    "Do you hear {x}?",
    "Can {x} be heard in the clip?",
    "Is {x} among the things that are heard?",
    "Does the recording contain {x}?",
    "{X}: is it there?",
    "Listen for {x}. Does it occur?",
    "Is there {x} anywhere in the clip?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, EVENTS + 1)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, way and X (balanced); the answer, the other events."""
    topics = staged_topics(pool, EVENTS + 1)
    topic = topics[draw.design.turn(len(topics))]
    way = WAYS[draw.design.turn(len(WAYS))]
    names = popular(topic) if way == "popular" else anchors(topic, EVENTS + 1)
    query = names[draw.design.aside(len(names))]
    present = draw.design.toss(2) == 0
    if way == "adversarial":
        others = _adversaries(pool, topic, draw, query)
    else:
        free = [name for name in topic.names if not topic.clash(name, query)]
        others = draw.some(free, EVENTS)
    if len(others) < EVENTS:
        return None
    heard = draw.some([query, *others[1:]] if present else others, EVENTS)
    events = cast(draw, topic, heard)
    if events is None:
        return None
    values = {"kind": topic.kind, "way": way, "query": query, "answer": "yes" if present else "no"}
    return stage(in_slots(draw, events), EVENTS * SLOT_S, values)


def popular(topic: Topic) -> tuple[str, ...]:
    """The third of the names with the most source recordings, two at least, by name if equal."""
    ranked = sorted(anchors(topic, EVENTS + 1), key=lambda name: (-topic.sources(name), name))
    return tuple(ranked[: max(2, len(ranked) // 3)])


def _adversaries(pool: RecordingPool, topic: Topic, draw: Draw, query: str) -> list[str]:
    """`EVENTS` names that suggest `query`, preferably heard together with it; in random order."""
    near = topic.near_set(draw.rng, query, EVENTS + 1) or [query]
    along = companions(pool, query) if topic.kind == "sound" else ()
    found: list[str] = []
    for name in (*along, *near[1:]):
        if name in topic.members and not any(topic.clash(name, own) for own in (query, *found)):
            found.append(name)
    return draw.some(found[:EVENTS], EVENTS)


@lru_cache(maxsize=4096)
def companions(pool: RecordingPool, name: str) -> tuple[str, ...]:
    """The sounds that are heard together with a sound, those of the most recordings first."""
    together = Counter(
        label
        for recording in pool.sounds.members.get(name, ())
        for label in recording.labels
        if label != name
    )
    return tuple(sorted(together, key=lambda label: (-together[label], label)))


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question about one scene."""
    scene, query, answer = values["scene"], values["query"], values["answer"]
    clip, facts = staged(scene, recordings)
    heard = listed([quoted(row["name"]) for row in scene["events"]])
    x = named(values["kind"], query)
    found = "is among them" if answer == "yes" else "is not among them"
    return BuiltQuestion(
        question=QUESTIONS[template].format(x=x, X=capital(x)),
        answer=answer,
        choices=("yes", "no"),
        clips=(clip,),
        rationale=f"{capital(heard)} are heard. {quoted(query)} {found}: {answer}.",
        tags=(values["kind"], "scene", f"absent-{values['way']}"),
        facts=(facts,),
        need=need_of(scene, False, holds(query)),
    )


FAMILY = QuestionFamily(
    "absent",
    "one scene of three events; is X heard?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("information",),
)
