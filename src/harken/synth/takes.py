"""Takes: the part of a recording that is one event of a staged scene, and what is measured of it.

A take begins where its recording begins to be heard and ends before the first long pause, or after
the longest time that is wanted. It is measured by the rule of all scenes
(`harken.synth.scenes.activity`), so that what is said of an event is what is heard of it, not what
silence is around it in its file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load
from harken.audio.single import duration_s, span
from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool, Topic, event_span
from harken.synth.question import Draw
from harken.synth.scenes.activity import energy, heard_in, stretches

PAUSE_S = 0.6
"""A longer pause ends a take."""

LONGEST_S = 2.0
"""Seconds of a take, where a family wants no other length."""

SHORTEST_S = 0.1
"""Takes under this length are not used."""

SOFTEST_DB = -55.0
"""Takes under this level (RMS, dB of full scale) are not used: they would be amplified too far."""

TRIES = 8
"""Recordings of a name that are tried for a take that fits."""


@dataclass(frozen=True, slots=True)
class Take:
    """A part of a recording.

    Attributes:
        start_s, length_s: where it is in the recording's clip.
        begin_s, end_s: when it is heard, from the beginning of the take.
        level_db: its RMS while it is heard, in dB of full scale.
        peak: its highest sample.
        whole: whether nothing that is heard of the recording is left out.
    """

    start_s: float
    length_s: float
    begin_s: float
    end_s: float
    level_db: float
    peak: float
    whole: bool

    @property
    def heard_s(self) -> float:
        """How long it is heard."""
        return self.end_s - self.begin_s


@dataclass(frozen=True, slots=True)
class CastEvent:
    """A name with the recording and the take that stand for it."""

    name: str
    recording: Recording
    take: Take


def take_of(recording: Recording, most_s: float = LONGEST_S) -> Take | None:
    """The take of a recording, of at most so many seconds; None where too little is heard.

    Raises:
        AudioError: the recording cannot be decoded.
    """
    whole_s = recording.clip.duration_s
    start_s, length_s = event_span(recording) or (
        0.0,
        duration_s(recording.clip) if whole_s is None else whole_s,
    )
    return _take(recording.clip, start_s, length_s, most_s)


def cast(
    draw: Draw,
    topic: Topic,
    names: Sequence[str],
    *,
    most_s: Sequence[float] = (),
    least_s: float = 0.0,
    taken: Sequence[CastEvent] = (),
) -> list[CastEvent] | None:
    """A take of each name, from different source recordings; None if one finds none.

    Args:
        draw: free draws.
        topic: sounds, or words, heard alone.
        names: may repeat.
        most_s: the longest take of each name; none: `LONGEST_S`.
        least_s: how long each must be heard where nothing shortens it.
        taken: events whose recordings are not used again.
    """
    found = list(taken)
    for number, name in enumerate(names):
        longest = most_s[number] if most_s else LONGEST_S
        for _ in range(TRIES):
            recording = draw.recording(topic, name, taken=[one.recording for one in found])
            if recording is None:
                return None
            take = _fitting(recording, topic.kind, longest, least_s)
            if take is not None:
                found.append(CastEvent(name, recording, take))
                break
        else:
            return None
    return found[len(taken) :]


def cast_turns(
    draw: Draw,
    voices: Mapping[str, Sequence[Recording]],
    order: Sequence[str],
    most_s: float,
    *,
    whole: bool = False,
) -> list[CastEvent] | None:
    """A take of a recording of each voice, none twice where there are enough; None if one fails.

    Args:
        draw: free draws.
        voices: recordings by speaker.
        order: the speaker of each turn.
        most_s: the longest take.
        whole: only takes that leave out nothing that is heard.
    """
    found: list[CastEvent] = []
    for voice in order:
        used = {event.recording.id for event in found}
        free = [one for one in voices[voice] if one.id not in used]
        for _ in range(TRIES):
            recording = draw.one(free or voices[voice])
            take = take_of(recording, most_s)
            if take is not None and (take.whole or not whole):
                found.append(CastEvent(voice, recording, take))
                break
        else:
            return None
    return found


def mixed_names(draw: Draw, topic: Topic, n: int) -> list[str] | None:
    """`n` names, similar ones more often, in random order; None if too few go together.

    Each name comes equally often (the anchor is balanced), and none has a place of its own.
    """
    own = anchors(topic, n)
    anchor = own[draw.design.aside(len(own))]
    found = topic.near_set(draw.rng, anchor, n)
    return None if found is None else draw.some(found, n)


@lru_cache(maxsize=256)
def anchors(topic: Topic, n: int) -> tuple[str, ...]:
    """The names of a topic that go together with `n` - 1 others, none of which clash."""
    return tuple(
        name
        for number, name in enumerate(topic.names)
        if topic.near_set(np.random.default_rng([n, number]), name, n) is not None
    )


def topic_of(pool: RecordingPool, kind: str) -> Topic:
    """The topic of a kind, of recordings that can be events."""
    return next(topic for topic in pool.events if topic.kind == kind)


def long_names(draw: Draw, topic: Topic, n: int, least_s: float) -> list[str] | None:
    """`n` names of which something is heard for so long, none clashing; None if there are too few.

    They are drawn freely: which of them are long enough is not known before they are decoded.
    """
    found: list[str] = []
    for name in draw.some(topic.names, len(topic.names)):
        if any(topic.clash(name, other) for other in found):
            continue
        if _lasts(topic, name, least_s):
            found.append(name)
        if len(found) == n:
            return found
    return None


@lru_cache(maxsize=64)
def staged_topics(pool: RecordingPool, names: int, least_s: float = 0.0) -> tuple[Topic, ...]:
    """The topics with so many names for a staged scene, each of them lasting so long."""
    found = []
    for topic in pool.events:
        if not anchors(topic, names):
            continue
        lasting = 0
        for name in topic.names if least_s else ():
            lasting += _lasts(topic, name, least_s)
            if lasting >= names:
                break
        if lasting >= names or not least_s:
            found.append(topic)
    return tuple(found)


def lacks_topics(pool: RecordingPool, names: int, least_s: float = 0.0) -> str:
    """Why no scene can be staged with so many names; ``""`` if one can."""
    if staged_topics(pool, names, least_s):
        return ""
    found = " and ".join(str(len(topic.names)) for topic in pool.events)
    lasting = f", heard for {least_s:g} s," if least_s else ""
    return (
        f"{names} labels of sounds or {names} words{lasting} in recordings of up to 10 s or with "
        f"onsets are needed; there are {found}"
    )


def _fitting(recording: Recording, kind: str, most_s: float, least_s: float) -> Take | None:
    """Its take, if it is long enough; a spoken word is never cut."""
    if least_s:
        full = take_of(recording, max(most_s, least_s))
        if full is None or full.heard_s < 0.95 * least_s:
            return None
    take = take_of(recording, most_s)
    return None if take is not None and kind == "word" and not take.whole else take


def _lasts(topic: Topic, name: str, least_s: float) -> bool:
    return any(
        _fitting(recording, topic.kind, least_s, least_s) is not None
        for recording in topic.members[name][:TRIES]
    )


@lru_cache(maxsize=1 << 15)
def _take(clip: Clip, start_s: float, length_s: float, most_s: float) -> Take | None:
    spans = _active(clip, start_s, length_s)
    if not spans:
        return None
    begin_s, end_s = spans[0]
    for one in spans[1:]:
        if one[0] - end_s > PAUSE_S:
            break
        end_s = one[1]
    last_s = spans[-1][1]
    whole = end_s == last_s and last_s - begin_s <= most_s
    length_s = round(min(end_s - begin_s, most_s), 4)
    if length_s < SHORTEST_S:
        return None
    start_s = round(start_s + begin_s, 4)
    cut = span(clip, start_s, length_s)
    alone = ScenePlan((Part(cut),), length_s + 1.0, gain_db=0.0)
    heard = heard_in(alone, 0)
    squares, count = energy(alone, 0)
    if not heard or squares <= 0:
        return None
    level_db = round(10.0 * math.log10(squares / count), 3)
    begins, ends = heard[0][0] / RATE_HZ, min(heard[-1][1] / RATE_HZ, length_s)
    if level_db < SOFTEST_DB or ends - begins < SHORTEST_S:
        return None
    peak = float(np.max(np.abs(load(cut)), initial=0.0))
    return Take(start_s, length_s, round(begins, 4), round(ends, 4), level_db, peak, whole)


@lru_cache(maxsize=1 << 14)
def _active(clip: Clip, start_s: float, length_s: float) -> tuple[tuple[float, float], ...]:
    """When a span of a clip is heard, in seconds from its beginning."""
    sound = load(span(clip, start_s, length_s)).astype(np.float64)
    return tuple(_seconds(stretches(sound, RATE_HZ)))


def _seconds(found: Sequence[tuple[int, int]]) -> Iterator[tuple[float, float]]:
    for first, last in found:
        yield first / RATE_HZ, last / RATE_HZ
