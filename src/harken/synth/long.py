"""Long scenes: minutes to an hour in four parts, each with a sound of its own, heard many times.

Only constants are drawn and stored, whatever the length; any window of such a scene is rendered
alone (`harken.audio.load.render`), and so is a clip that is a window of it. What an item says of
its scene (its rationale, and the answer of a summary) is read by the verifier
(`harken.synth.verify`) before the item is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.item import Item
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks
from harken.synth.staged import EDGE_S, StagedEvent, drawn_level, stage
from harken.synth.takes import LONGEST_S, cast, lacks_topics, mixed_names, staged_topics
from harken.synth.verify.described import description_faults
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import truth_faults
from harken.synth.wording import quoted

PARTS = 4

SPACING_S = 15.0
"""Seconds for each event of a part, in the mean of longer parts."""

FEWEST, MOST = 4, 20
"""Slots of a part, of which half or more have an event."""

VOICES = 4
"""Different recordings of a name at most; they come again."""


def lacks_long(pool: RecordingPool) -> str:
    """Why there are no four sounds for four parts; ``""`` if there are."""
    return lacks_topics(pool, PARTS)


def drawn_names(pool: RecordingPool, draw: Draw) -> tuple[Topic, float, list[str] | None]:
    """Topic and length of the scene (balanced), and four names in random order."""
    topics = staged_topics(pool, PARTS)
    topic = topics[draw.design.turn(len(topics))]
    lengths = draw.staging.long_s
    return topic, lengths[draw.design.turn(len(lengths))], mixed_names(draw, topic, PARTS)


def in_parts(
    draw: Draw, topic: Topic, names: Sequence[str], long_s: float
) -> list[list[StagedEvent]] | None:
    """The events of each part, in order: those of its name, in slots of equal length."""
    part_s = long_s / PARTS
    slots = min(MOST, max(FEWEST, round(part_s / SPACING_S)))
    slot_s = part_s / slots
    late_s = slot_s - 2 * EDGE_S - LONGEST_S
    found = []
    for place, name in enumerate(names):
        own = cast(draw, topic, [name] * min(VOICES, topic.sources(name)))
        if own is None:
            return None
        used = sorted(draw.some(range(slots), int(draw.rng.integers((slots + 1) // 2, slots + 1))))
        part = []
        for slot in used:
            late = EDGE_S + float(draw.rng.uniform(0.0, late_s))
            at_s = round(place * part_s + slot * slot_s + late, 3)
            part.append(StagedEvent(draw.one(own), at_s, drawn_level(draw)))
        found.append(part)
    return found


def clock(seconds: float, decimals: int = 1) -> str:
    """Minutes and seconds: 1390.4 is ``23:10.4``."""
    minutes, rest = divmod(round(seconds, decimals), 60.0)
    width = 3 + decimals if decimals else 2
    return f"{int(minutes)}:{rest:0{width}.{decimals}f}"


def in_words(scene: Mapping[str, Any], order: Sequence[str]) -> str:
    """What is heard in each part, from the rows of a scene: the caption of each, in order."""
    told = []
    for number, name in enumerate(order):
        times = [row["heard"][0] for row in scene["events"] if row["name"] == name]
        often = {1: "once", 2: "twice"}.get(len(times), f"{len(times)} times")
        head = "First" if number == 0 else "Then"
        told.append(f"{head} {quoted(name)} is heard {often}, from {clock(min(times))} on.")
    return " ".join(told)


def stage_long(
    events: Sequence[Sequence[StagedEvent]], long_s: float, values: Mapping[str, Any]
) -> Picks:
    """The picks of an item about a long scene."""
    return stage([one for part in events for one in part], long_s, values)


def verified(
    picks: Picks,
    build: Callable[[int, Mapping[str, Any], Sequence[Recording]], BuiltQuestion],
    topic: Topic,
    task: str,
) -> Picks | None:
    """The picks, if all that the item says of its scene agrees with the facts; None if not.

    Its answer has to be the one option that is true, and a rejected answer one in which the
    verifier finds a fault.
    """
    made, lexicon = build(0, picks.values, picks.recordings), _lexicon(topic.names)
    asked = Item(made.question, made.answer, made.choices, made.clips, task, facts=made.facts)
    if truth_faults(asked, lexicon):
        return None
    said = [made.rationale] if made.choices else [made.rationale, made.answer]
    if any(description_faults(text, made.facts, lexicon) for text in said):
        return None
    if made.rejected and not description_faults(made.rejected, made.facts, lexicon):
        return None
    return picks


@lru_cache(maxsize=8)
def _lexicon(names: tuple[str, ...]) -> Lexicon:
    return Lexicon(names)
