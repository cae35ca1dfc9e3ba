"""Pairs of scenes that differ by one change, after MALLM's discriminative pairs (arXiv 2409.18680).

Sounds: three events one after the other; one clip has one more, mixed over another event at a
chosen level over it. Words: three to five words said one after the other; one clip has one more.
Or, of both, one is another in the other clip. What the clips have in common is either the same
recordings at the same times and levels, with one gain for both clips, so that they differ by the
change alone; or other recordings of the same names: of words, another voice, where there are two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.facts import ClipFacts
from harken.synth.pool import Topic
from harken.synth.question import Draw, Picks
from harken.synth.staged import StagedEvent, drawn_level, in_slots, stage, staged_all
from harken.synth.takes import (
    LONGEST_S,
    TRIES,
    CastEvent,
    anchors,
    cast,
    mixed_names,
    take_of,
)
from harken.synth.wording import listed, quoted

SLOT_S = 4.0
"""Length of a slot (s) that holds an event and another over it."""

LEVELS_DB = (-5.0, 0.0, 5.0, 10.0)
"""Levels of an added sound over the event that it is mixed over."""

WORD_GAP_S = 0.15
"""Silence between two words."""

LEAD_S = 0.3
"""Silence before the first word and after the last."""


SIZES = {"sound": (3,), "word": (2, 3, 4)}
"""Names that two clips have in common, or names of each clip if one is replaced."""

FORMS = ("more", "again", "replaced", "none")
"""One clip has one name more; one that both have once more; one is replaced; nothing changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two clips.

    Attributes:
        common: names of the clip that has less, in order.
        place: of sounds: over which event the other is mixed; of words: before which it is said.
            Of a replacement: which name is replaced.
        name: what the other clip has in addition, or instead.
        replaced: whether it is instead of a name.
        more: which clip (0, 1) has it.
        level_db: level of an added sound over the event that it is mixed over.
        same_takes: whether what is common is the same recordings.
    """

    common: tuple[str, ...]
    place: int
    name: str
    replaced: bool
    more: int
    level_db: float
    same_takes: bool


def pair(draw: Draw, topic: Topic, change: Change, values: dict[str, Any]) -> Picks | None:
    """Two scenes that differ by a change; None if recordings are not found.

    The values have ``scenes`` (as `harken.synth.staged.stage` writes one), of which the first has
    its recordings first among the picks.
    """
    made = _words(draw, topic, change) if topic.kind == "word" else _sounds(draw, topic, change)
    if made is None:
        return None
    if change.more == 0:
        made = made[::-1]
    found = [stage(events, duration_s, {}) for events, duration_s in made]
    scenes = [one.values["scene"] for one in found]
    gain_db = min(scene["gain_db"] for scene in scenes)
    scenes = [{**scene, "gain_db": gain_db} for scene in scenes]
    return Picks((*found[0].recordings, *found[1].recordings), {**values, "scenes": scenes})


def both_clips(
    scenes: Sequence[dict[str, Any]], recordings: Sequence[Recording]
) -> tuple[tuple[Clip, ...], tuple[ClipFacts, ...]]:
    """The clips of the scenes that `pair` wrote down, and what is in them."""
    made = staged_all(scenes, recordings)
    return tuple(clip for clip, _ in made), tuple(facts for _, facts in made)


def events_told(scenes: Sequence[Mapping[str, Any]]) -> str:
    """What is heard in each clip, a sentence a clip."""
    return " ".join(
        f"Clip {number}: {listed([quoted(row['name']) for row in scene['events']])}."
        for number, scene in enumerate(scenes, 1)
    )


def drawn_change(
    draw: Draw, topic: Topic, form: str, right: int
) -> tuple[Change, dict[str, Any]] | None:
    """A change of one of `FORMS`, with what four options about it need; None: names do not fit.

    The values have ``form``, ``names`` (two names, of which one is the changed one, or which take
    each other's place) and ``places`` (two places, of which one is that of a replacement).

    Args:
        draw: its design gives size, level, and whether takes are the same.
        topic: of sounds or words, with four names.
        form: one of `FORMS`.
        right: 0 to 3, which of the options is right: twice the number of the name (or place), and
            one more where clip 2 has it (or where clip 2 has the first of the two names).
    """
    sizes = [n for n in SIZES[topic.kind] if anchors(topic, n + 1)]
    size = sizes[draw.design.turn(len(sizes))]
    level_db = LEVELS_DB[draw.design.turn(len(LEVELS_DB))]
    same_takes = draw.design.turn(2) == 0 and form != "none"
    found = mixed_names(draw, topic, size + 1)
    if found is None:
        return None
    which, more = divmod(right, 2)
    two, rest = found[:2], found[2:]
    places = draw.some(range(size), 2)
    name, replaced = two[which], form in ("replaced", "none")
    if replaced:
        common, place = draw.some(rest, size - 1), places[which]
        common.insert(place, two[more])
        name = common[place] if form == "none" else two[1 - more]
        more = 1
    elif form == "more":
        common = draw.some([two[1 - which], *rest], size)
        place = int(draw.rng.integers(size + (topic.kind == "word")))
    else:
        common = draw.some([*two, *rest[: size - 2]], size)
        hosts = [n for n in range(size) if common[n] != name or topic.kind == "word"]
        place = draw.one(hosts)
    change = Change(tuple(common), place, name, replaced, more, level_db, same_takes)
    return change, {"kind": topic.kind, "form": form, "names": two, "places": places}


_Made = list[tuple[list[StagedEvent], float]]
"""The clip that has less (or the name that is replaced), then the other."""


def _sounds(draw: Draw, topic: Topic, change: Change) -> _Made | None:
    """Three slots; the added event begins in the first half of the one that it is mixed over."""
    events = cast(draw, topic, [*change.common, change.name])
    if events is None:
        return None
    *plain, added = events
    less = in_slots(draw, plain, SLOT_S, LONGEST_S * 1.5)
    others = cast(draw, topic, change.common, taken=events)
    if not change.same_takes and others is None:
        return None
    second = [
        one if change.same_takes or others is None else replace(one, event=others[number])
        for number, one in enumerate(less)
    ]
    host = second[change.place]
    if change.replaced:
        second[change.place] = replace(host, event=added)
    else:
        late_s = host.event.take.heard_s * float(draw.rng.uniform(0.0, 0.5))
        level_db = host.level_db + change.level_db
        second.append(StagedEvent(added, round(host.at_s + late_s, 3), level_db))
    duration_s = SLOT_S * len(change.common)
    return [(less, duration_s), (second, duration_s)]


def _words(draw: Draw, topic: Topic, change: Change) -> _Made | None:
    """Words in a row; those of one clip are said by one voice, where voices are known."""
    own = [*change.common, change.name]
    voices = _voices(topic, own)
    if len(voices) < (1 if change.same_takes else 2):
        voices = []
    one, *more = draw.some(voices, 2) or [""]
    events = _said(draw, topic, own, one)
    if events is None:
        return None
    levels = [drawn_level(draw) for _ in own]
    others: list[CastEvent] | None = events
    if not change.same_takes:
        others = _said(draw, topic, own, more[0] if more else one, taken=events)
    if others is None:
        return None
    added, level_db = others[-1], levels[-1]
    second, louder = others[:-1], levels[:-1]
    if change.replaced:
        second = [*second[: change.place], added, *second[change.place + 1 :]]
    else:
        second = [*second[: change.place], added, *second[change.place :]]
        louder = [*louder[: change.place], level_db, *louder[change.place :]]
    return [_in_a_row(events[:-1], levels[:-1]), _in_a_row(second, louder)]


def _in_a_row(
    events: Sequence[CastEvent], levels: Sequence[float]
) -> tuple[list[StagedEvent], float]:
    at_s, found = LEAD_S, []
    for event, level_db in zip(events, levels, strict=True):
        found.append(StagedEvent(event, round(at_s - event.take.begin_s, 3), level_db))
        at_s += event.take.heard_s + WORD_GAP_S
    return found, round(at_s - WORD_GAP_S + LEAD_S, 3)


def _voices(topic: Topic, names: Sequence[str]) -> list[str]:
    """The speakers who say all of the names."""
    own = [{r.speaker for r in topic.members[name] if r.speaker} for name in names]
    return sorted(set.intersection(*own)) if own else []


def _said(
    draw: Draw, topic: Topic, names: Sequence[str], voice: str, taken: Sequence[CastEvent] = ()
) -> list[CastEvent] | None:
    """A whole take of each name by one voice, or by any where none is given."""
    if not voice:
        return cast(draw, topic, names, taken=taken)
    found = list(taken)
    for name in names:
        used = {one.recording.id for one in found}
        free = [r for r in topic.members[name] if r.speaker == voice and r.id not in used]
        for recording in draw.some(free, TRIES):
            take = take_of(recording)
            if take is not None and take.whole:
                found.append(CastEvent(name, recording, take))
                break
        else:
            return None
    return found[len(taken) :]
