"""Staged scenes: events of recordings at chosen times, levels and places, kept as constants.

A family of questions chooses what is heard when and from where; `stage` writes that down in the
values of an item's plan, and `staged` makes clip and facts of it again, with nothing drawn and
nothing decoded. (`harken.synth.scenes.compose` draws whole scenes of a declaration; there nobody
chooses what is asked.)

Events are brought to one level, at which they differ by what the family draws, so that loudness
does not tell which sound is which. The gain of the whole is a constant that no sum of its peaks can
exceed; so any window of a scene is rendered alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.single import span
from harken.audio.space.layouts import AMBISONIC
from harken.audio.space.place import Place, Room, between
from harken.corpora.base import Recording
from harken.facts import ClipFacts, SourceFacts, TimedWord
from harken.synth.known import sources_of
from harken.synth.question import Draw, Picks
from harken.synth.takes import LONGEST_S, CastEvent

LEVEL_DB = -26.0
"""RMS of an event at one metre (dB of full scale) before its own difference."""

PEAK_DB = -1.0
"""Highest sample of a scene at most, in dB of full scale."""

EDGE_S = 0.2
"""Silence at the beginning and the end of a slot, in seconds."""

SLOT_S = 3.0
"""Length of a slot (s) that holds one take of `LONGEST_S`."""

HEAD_GAIN = 2.0
"""How much an ear on the side of a source hears of it at most, over a microphone (Brown and Duda's
sphere, high frequencies)."""


@dataclass(frozen=True, slots=True)
class StagedEvent:
    """An event of a staged scene.

    Attributes:
        event: what is heard.
        at_s: when its take begins.
        level_db: its level over that of the others.
        path: where it is; two places: it moves from one to the other.
    """

    event: CastEvent
    at_s: float
    level_db: float = 0.0
    path: tuple[Place, ...] = ()

    @property
    def heard(self) -> tuple[float, float]:
        """When it is heard in the scene, in seconds, by the samples of the scene."""
        first = round(self.at_s * RATE_HZ)
        take = self.event.take
        return (
            round((first + round(take.begin_s * RATE_HZ)) / RATE_HZ, 4),
            round((first + round(take.end_s * RATE_HZ)) / RATE_HZ, 4),
        )


def drawn_level(draw: Draw) -> float:
    """A level of an event, from -6 to 0 dB."""
    return round(float(draw.rng.uniform(-6.0, 0.0)), 2)


def in_slots(
    draw: Draw,
    events: Sequence[CastEvent],
    slot_s: float = SLOT_S,
    longest_s: float = LONGEST_S,
    first: int = 0,
) -> list[StagedEvent]:
    """One event a slot, in order, beginning at any time at which the longest take would fit.

    So when an event begins says nothing of how long it is.
    """
    late_s = slot_s - 2 * EDGE_S - longest_s
    return [
        StagedEvent(
            event,
            round((first + number) * slot_s + EDGE_S + float(draw.rng.uniform(0.0, late_s)), 3),
            drawn_level(draw),
        )
        for number, event in enumerate(events)
    ]


def stage(
    events: Sequence[StagedEvent],
    duration_s: float,
    values: Mapping[str, Any],
    layout: str = "mono",
) -> Picks:
    """The picks of an item about one staged scene: a recording an event, and all constants.

    Args:
        events: in any order.
        duration_s: of the scene.
        values: of the item, besides the scene, which is added as ``scene``.
        layout: of the scene's channels.
    """
    ordered = sorted(events, key=lambda one: one.at_s)
    rows = [_row(one) for one in ordered]
    scene = {
        "duration_s": round(duration_s, 4),
        "layout": layout,
        "gain_db": _whole_gain(ordered, rows, layout),
        "events": rows,
    }
    recordings = tuple(one.event.recording for one in ordered)
    return Picks(recordings, {**values, "scene": scene})


JOIN_S = 0.05
"""Cross-fade (s) between repetitions of a background."""


def staged(scene: Mapping[str, Any], recordings: Sequence[Recording]) -> tuple[Clip, ClipFacts]:
    """The clip of a scene that `stage` wrote down, and what is in it.

    Args:
        scene: with a room and a background, where `harken.synth.surroundings` added them.
        recordings: one an event, then that of the background, if there is one.
    """
    parts: list[Part] = []
    sources: list[tuple[float, int, SourceFacts]] = []
    behind = scene.get("background")
    count = len(scene["events"])
    for row, recording in zip(scene["events"], recordings[:count], strict=True):
        clip = span(recording.clip, row["start_s"], row["length_s"])
        path = tuple(Place(*place) for place in row["path"])
        parts.append(Part(clip, row["at_s"], row["gain_db"], path=path))
        known = _facts(row, recording)
        if behind is not None and _levels_known(scene, row):
            over_db = LEVEL_DB + row["level_db"] - behind["level_db"]
            known = replace(known, snr_db=round(over_db, 3))
        sources.append((row["heard"][0], len(sources), known))
    duration_s, layout = scene["duration_s"], scene["layout"]
    if behind is not None:
        (own,) = recordings[count:]
        parts += background_parts(own, duration_s, behind["gain_db"])
        sources.append((0.0, -1, _behind(own, duration_s, behind["gain_db"])))
    room = None if "room" not in scene else Room.from_dict(scene["room"])
    plan = ScenePlan(tuple(parts), duration_s, gain_db=scene["gain_db"], layout=layout, room=room)
    ordered = tuple(source for _, _, source in sorted(sources, key=lambda one: one[:2]))
    clip = Clip("plan", duration_s=duration_s, plan=plan)
    rt60_s = None if room is None else room.rt60_s
    return clip, ClipFacts(ordered, duration_s, rt60_s=rt60_s, layout=layout)


def _levels_known(scene: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether an event is heard at the level it was staged with: nothing but its distance counts.

    In a room, in front of a head, and on its way it is heard at another.
    """
    layout = scene["layout"]
    return layout in ("mono", *AMBISONIC) and "room" not in scene and len(row["path"]) < 2


def staged_all(
    scenes: Sequence[Mapping[str, Any]], recordings: Sequence[Recording]
) -> list[tuple[Clip, ClipFacts]]:
    """`staged` for the scenes of one item, whose recordings follow each other."""
    found, at = [], 0
    for scene in scenes:
        stop = at + len(scene["events"]) + ("background" in scene)
        found.append(staged(scene, recordings[at:stop]))
        at = stop
    return found


def background_parts(recording: Recording, duration_s: float, gain_db: float) -> list[Part]:
    """A recording again and again, from the beginning of a scene to its end."""
    parts, at_s = [], 0.0
    while at_s < duration_s:
        parts.append(Part(recording.clip, round(at_s, 4), gain_db, JOIN_S))
        at_s += (recording.clip.duration_s or duration_s) - JOIN_S
    return parts


def _behind(recording: Recording, duration_s: float, gain_db: float) -> SourceFacts:
    (source,) = sources_of(recording)
    return replace(source, kind="background", onset_s=0.0, offset_s=duration_s, gain_db=gain_db)


def _row(one: StagedEvent) -> dict[str, Any]:
    take = one.event.take
    return {
        "name": one.event.name,
        "start_s": take.start_s,
        "length_s": take.length_s,
        "at_s": one.at_s,
        "gain_db": round(LEVEL_DB + one.level_db - take.level_db, 4),
        "heard": list(one.heard),
        "level_db": round(one.level_db - 20.0 * math.log10(_nearest(one.path)), 3),
        "path": [place.to_list() for place in one.path],
        "whole": take.whole,
    }


def _facts(row: Mapping[str, Any], recording: Recording) -> SourceFacts:
    (source,) = sources_of(recording)
    begin_s, end_s = row["heard"]
    said = source.transcript if row["whole"] else None
    words = None
    if said is not None and said == source.label and len(said.split()) == 1:
        words = (TimedWord(said, begin_s, end_s),)
    azimuth, elevation, distance = row["path"][0] if row["path"] else (None, None, None)
    return replace(
        source,
        onset_s=begin_s,
        offset_s=end_s,
        gain_db=row["gain_db"],
        transcript=said,
        words=words,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        distance_m=distance,
    )


def _nearest(path: Sequence[Place]) -> float:
    """The smallest distance (m) on the way; 1 of what has no place."""
    if not path:
        return 1.0
    return min(between(path, share / 16).distance_m for share in range(17))


def _whole_gain(
    events: Sequence[StagedEvent], rows: Sequence[dict[str, Any]], layout: str
) -> float:
    """The gain (dB, at most 0) by which no sum of peaks is above `PEAK_DB`."""
    wide = HEAD_GAIN if layout == "binaural" else 1.0
    peaks = [
        one.event.take.peak * 10.0 ** (row["gain_db"] / 20.0) * wide / _nearest(one.path)
        for one, row in zip(events, rows, strict=True)
    ]
    spans = [(one.at_s, one.at_s + one.event.take.length_s) for one in events]
    highest = max(
        sum(peak for peak, (a, b) in zip(peaks, spans, strict=True) if a <= at < b + 0.01)
        for at, _ in spans
    )
    if highest <= 0:
        return 0.0
    return min(0.0, math.floor((PEAK_DB - 20.0 * math.log10(highest)) * 1e4) / 1e4)
