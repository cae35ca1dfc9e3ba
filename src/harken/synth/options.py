"""Four options and a recording of one of them; used by identify, word, caption and leaky."""

from __future__ import annotations

from harken.synth.pool import Topic
from harken.synth.question import Draw, Picks

OPTIONS = 4


def lacks_options(topic: Topic, what: str) -> str:
    """Why four options cannot be drawn from `topic`; ``""`` if they can."""
    if len(topic.names) < OPTIONS:
        return f"{OPTIONS} {what} are needed, there are {len(topic.names)}"
    return ""


def pick_options(topic: Topic, draw: Draw) -> Picks | None:
    """Options first, then the gold among them, then a recording with the gold only; or None."""
    position = draw.design.turn(OPTIONS)
    anchor = topic.names[draw.design.turn(len(topic.names))]
    names = topic.near_set(draw.rng, anchor, OPTIONS)
    if names is None or not each_can_be_gold(topic, names):
        return None
    choices = draw.some(names, OPTIONS)
    gold = choices[position]
    found = draw.recording(topic, gold, without=[name for name in names if name != gold])
    if found is None:
        return None
    return Picks((found,), {"choices": choices, "answer": gold})


def each_can_be_gold(topic: Topic, names: list[str]) -> bool:
    """Whether every name has a recording that contains none of the others."""
    return all(
        any(
            topic.free_of(recording, [other for other in names if other != name])
            for recording in topic.members[name]
        )
        for name in names
    )
