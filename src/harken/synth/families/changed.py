"""changed: two clips that differ by one sound or one word; which of four changes is it?

MALLM's discriminative pairs (arXiv 2409.18680) with options. Three changes take turns: one clip has
a sound or a word more, or has one once more, or another in its place. Options are drawn first: two
names (or places), each with both directions, all equally likely; of the names one is heard in both
clips alike. A sound that is added is 5 dB under to 10 dB over the one that it is mixed over. Half
of the pairs are the same recordings but for the change, of words in one voice; the others are other
recordings of the same names, of words in another voice, where two voices say them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.changes import FORMS, both_clips, drawn_change, events_told, pair
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.takes import lacks_topics, staged_topics
from harken.synth.wording import ORDINALS, quoted

NAMES = 4

CHANGES = FORMS[:3]

QUESTIONS = (
    "How do the two clips differ?",
    "What is the difference between clip 1 and clip 2?",
    "Compare the clips: which of these is true?",
    "Which of these tells the two recordings apart?",
    "Clip 2 is not quite like clip 1. In what way?",
    "One thing differs between the clips. What is it?",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, NAMES)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, change, size, level and takes (balanced); the right option, names, two scenes."""
    topics = staged_topics(pool, NAMES)
    topic = topics[draw.design.turn(len(topics))]
    form = CHANGES[draw.design.turn(len(CHANGES))]
    right = draw.design.toss(4)
    found = drawn_change(draw, topic, form, right)
    if found is None:
        return None
    change, values = found
    values["right"] = right
    values["takes"] = "same" if change.same_takes else "other"
    values["level_db"] = change.level_db
    return pair(draw, topic, change, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of four changes."""
    clips, facts = both_clips(values["scenes"], recordings)
    choices = options(values)
    answer = choices[values["right"]]
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=choices,
        clips=clips,
        rationale=f"{events_told(values['scenes'])} So the difference is: {answer}.",
        tags=(values["kind"], "scene", f"{values['takes']}-takes", values["form"]),
        facts=facts,
        need=ListeningNeed(values["form"] != "more"),
    )


def options(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The four options, in the order of their numbers."""
    names, form = [quoted(name) for name in values["names"]], values["form"]
    if form == "replaced":
        return tuple(
            f"the {ORDINALS[place]} is {one} in clip 1 and {other} in clip 2"
            for place in values["places"]
            for one, other in (names, names[::-1])
        )
    told = "only clip {n} has {x}" if form == "more" else "clip {n} has {x} once more"
    return tuple(told.format(n=n, x=x) for x in names for n in (1, 2))


FAMILY = QuestionFamily(
    "changed",
    "two clips that differ by one sound or one word; which of four changes is it?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("general",),
)
