"""What is in a scene: measured on its stems before they are mixed, and told as the facts of a clip.

Times are those of the sources' own activity (`harken.synth.scenes.activity`), places those of the
plan, words those of the corpus, levels those that the listener hears.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from harken.audio.space.place import Place
from harken.facts import ClipFacts, SourceFacts, TimedWord
from harken.synth.scenes.activity import Stretch, energy, heard_in
from harken.synth.scenes.levels import background_power, loudest
from harken.synth.scenes.planned import PlannedScene, PlannedSource


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """What is in a scene, besides what `ClipFacts` say.

    Attributes:
        facts: of the clip; its sources are in the order of their onsets.
        segments: of each source, when it is active: (begin, end) in seconds.
        levels_db: of each source, RMS while it is active, in dB of full scale.
        loudness: numbers of the sources from the loudest to the softest, backgrounds left out.
        overlaps: (one source, another, begin, end) of what is active at the same time.
        counts: label -> how often it is heard.
        paths: of each source, where it is: no place, one, or two that it moves between, each as
            (azimuth, elevation, distance); its facts have the first.
    """

    facts: ClipFacts
    segments: tuple[tuple[tuple[float, float], ...], ...]
    levels_db: tuple[float | None, ...]
    loudness: tuple[int, ...]
    overlaps: tuple[tuple[int, int, float, float], ...]
    counts: tuple[tuple[str, int], ...]
    paths: tuple[tuple[Place, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "facts": self.facts.to_dict(),
            "segments": [[list(own) for own in source] for source in self.segments],
            "levels_db": list(self.levels_db),
            "loudness": list(self.loudness),
            "overlaps": [
                {"sources": [one, other], "start_s": start, "end_s": end}
                for one, other, start, end in self.overlaps
            ],
            "counts": dict(self.counts),
            "paths": [[place.to_list() for place in path] for path in self.paths],
        }


@dataclass(frozen=True, slots=True)
class _Measured:
    source: PlannedSource
    heard: tuple[Stretch, ...]
    level_db: float | None


def truth_of(scene: PlannedScene) -> SceneTruth:
    """The truth of a scene whose gains are known: a pure function of it.

    Raises:
        AudioError: a recording cannot be decoded.
    """
    plan = scene.plan
    under = background_power(scene)
    whole_db = plan.gain_db or 0.0
    measured = sorted(
        (_measure(scene, source, under) for source in scene.sources),
        key=lambda one: (one.heard[0][0] if one.heard else 0, one.source.parts),
    )
    sources = tuple(_facts(scene, one, under) for one in measured)
    rate = plan.rate_hz
    segments = tuple(
        tuple((_seconds(a, rate), _seconds(b, rate)) for a, b in one.heard) for one in measured
    )
    levels = tuple(
        None if one.level_db is None else round(one.level_db + whole_db, 2) for one in measured
    )
    front = [n for n, one in enumerate(measured) if one.source.kind != "background"]
    named = Counter(
        one.source.label
        for one in measured
        if one.source.kind != "background" and one.source.label is not None
        for _ in one.source.parts
    )
    return SceneTruth(
        facts=ClipFacts(
            sources,
            plan.duration_s,
            rt60_s=None if plan.room is None else plan.room.rt60_s,
            layout=plan.layout,
        ),
        segments=segments,
        levels_db=levels,
        loudness=tuple(n for n in loudest([one.level_db for one in measured]) if n in front),
        overlaps=tuple(
            (one, other, *both)
            for one, other in combinations(front, 2)
            for both in _shared(segments[one], segments[other])
        ),
        counts=tuple(sorted(named.items())),
        paths=tuple(plan.parts[one.source.parts[0]].path for one in measured),
    )


def _measure(scene: PlannedScene, source: PlannedSource, under: float) -> _Measured:
    """Where a source is active, and its level at the gain of its parts."""
    plan = scene.plan
    if source.kind == "background":
        total = round(plan.duration_s * plan.rate_hz)
        level = 10.0 * math.log10(under) if under > 0 else None
        return _Measured(source, ((0, total),), level)
    squares, count, heard = 0.0, 0, []
    for number in source.parts:
        own = heard_in(plan, number)
        found, samples = energy(plan, number)
        squares += found * 10.0 ** (plan.parts[number].gain_db / 10.0)
        count += samples
        heard += own
    level = 10.0 * math.log10(squares / count) if squares > 0 else None
    return _Measured(source, tuple(sorted(heard)), level)


def _facts(scene: PlannedScene, one: _Measured, under: float) -> SourceFacts:
    plan, source = scene.plan, one.source
    first = plan.parts[source.parts[0]]
    onset = _seconds(one.heard[0][0], plan.rate_hz) if one.heard else None
    offset = _seconds(max(end for _, end in one.heard), plan.rate_hz) if one.heard else None
    over = None
    if source.kind != "background" and under > 0 and one.level_db is not None:
        over = round(one.level_db - 10.0 * math.log10(under), 3)
    words = None
    if (
        source.transcript is not None
        and source.transcript == source.label
        and len(source.transcript.split()) == 1
        and onset is not None
        and offset is not None
    ):
        words = (TimedWord(source.transcript, onset, offset),)
    place = first.path[0] if first.path else None
    return SourceFacts(
        source.kind,
        source.label,
        onset,
        offset,
        azimuth_deg=None if place is None else place.azimuth_deg,
        elevation_deg=None if place is None else place.elevation_deg,
        distance_m=None if place is None else place.distance_m,
        snr_db=over,
        gain_db=first.gain_db,
        pitch_semitones=first.pitch or None,
        speaker=source.speaker,
        transcript=source.transcript,
        words=words,
    )


def _shared(
    one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]
) -> list[tuple[float, float]]:
    """The stretches that two timelines have in common."""
    found = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return sorted((start, end) for start, end in found if start < end)


def _seconds(sample: int, rate_hz: int) -> float:
    return round(sample / rate_hz, 4)
