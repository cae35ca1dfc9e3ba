"""Played music: notes at chosen times, kept as constants, and the clip and facts of them.

A family of questions about music writes notes; `score` keeps them in the values of an item's plan,
and `played` makes the clip and its facts of them again. Nothing is recorded: the notes are
synthesised when the clip is loaded (`harken.audio.notes`), each a part of its scene, so any window
is rendered alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.notes import PlayedNote
from harken.facts import ClipFacts, MusicFacts, SourceFacts
from harken.item import ListeningNeed
from harken.synth.question import Draw, Picks
from harken.synth.staged import PEAK_DB

LICENCE = "CC0-1.0"
"""Of what is played here: nobody's recording is in it."""

HARMONIC = (*("organ", "flute", "clarinet", "trumpet", "violin", "piano", "guitar", "harpsichord"),)
"""Instruments whose notes have a clear pitch."""

SOFTEST_DB = -15.0
"""The whole is softer than its loudest possible by up to so much."""

RANGE = (52, 79)
"""MIDI numbers that melodies stay within."""

TONICS = (*("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"),)
"""Names of the twelve tones, from C."""

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
"""Scales in semitones over the tonic; the minor one is harmonic."""

TRIADS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
}
"""Kinds of chords, in semitones over the root."""


@dataclass(frozen=True, slots=True)
class ScoreNote:
    """A note of a score: instrument, MIDI number, beginning and length (s), level (dB)."""

    timbre: str
    pitch: int
    at_s: float
    length_s: float
    gain_db: float = 0.0


def tone_name(pitch: int) -> str:
    """The name of a tone, whatever its octave."""
    return TONICS[pitch % 12]


def walk(draw: Draw, count: int, steps: Sequence[int] = (-4, -3, -2, -1, 1, 2, 3, 4)) -> list[int]:
    """A melody of `count` MIDI numbers within `RANGE`, no tone repeated at once."""
    low, high = RANGE
    found = [int(draw.rng.integers(low + 6, high - 5))]
    while len(found) < count:
        step = int(draw.one(steps))
        found.append(found[-1] + step if low <= found[-1] + step <= high else found[-1] - step)
    return found


def score(
    draw: Draw,
    notes: Sequence[ScoreNote],
    duration_s: float,
    values: Mapping[str, Any],
    facts: MusicFacts | None = None,
) -> Picks:
    """The picks of an item about one piece: all constants, added to `values` as ``music``."""
    rows: list[list[Any]] = [
        [one.timbre, one.pitch, round(one.at_s, 4), round(one.length_s, 4), round(one.gain_db, 2)]
        for one in notes
    ]
    spans = [(row[2], row[2] + row[3], 10.0 ** (row[4] / 20.0)) for row in rows]
    highest = max(sum(peak for a, b, peak in spans if a <= at < b) for at, _, _ in spans)
    softer = float(draw.rng.uniform(SOFTEST_DB, 0.0))
    music = {
        "duration_s": round(duration_s, 4),
        "gain_db": round(PEAK_DB - 20.0 * math.log10(highest) + softer - 0.01, 2),
        "notes": rows,
        "facts": (facts or MusicFacts()).to_dict(),
    }
    return Picks((), {**values, "music": music})


def played(music: Mapping[str, Any]) -> tuple[Clip, ClipFacts]:
    """The clip of a piece that `score` wrote down, and what is in it."""
    duration_s = music["duration_s"]
    parts = tuple(
        Part(Clip("note", duration_s=length_s, note=PlayedNote(timbre, pitch)), at_s, gain_db)
        for timbre, pitch, at_s, length_s, gain_db in music["notes"]
    )
    plan = ScenePlan(parts, duration_s, gain_db=music["gain_db"])
    known = MusicFacts.from_dict(music["facts"])
    sources = sorted(_sources(music), key=lambda one: (one.onset_s or 0.0, one.label or ""))
    facts = ClipFacts(tuple(sources), duration_s, layout="mono", music=known)
    return Clip("plan", duration_s=duration_s, plan=plan), facts


def _sources(music: Mapping[str, Any]) -> list[SourceFacts]:
    """One source an instrument, from its first note to the end of its last."""
    found = []
    for timbre in dict.fromkeys(row[0] for row in music["notes"]):
        spans = [(row[2], row[2] + row[3]) for row in music["notes"] if row[0] == timbre]
        end_s = min(max(b for _, b in spans), music["duration_s"])
        found.append(SourceFacts("music", timbre, min(a for a, _ in spans), round(end_s, 4)))
    return found


def need_between(music: Mapping[str, Any], start_s: float, stop_s: float) -> ListeningNeed:
    """The need of an item that is answered by a stretch of a piece, which no caption tells."""
    clip_s = music["duration_s"]
    return ListeningNeed(True, round(min(stop_s, clip_s) - start_s, 4), clip_s)


def need_of_all(music: Mapping[str, Any]) -> ListeningNeed:
    """The need of an item for which all notes must be heard."""
    begin_s = min(row[2] for row in music["notes"])
    return need_between(music, begin_s, max(row[2] + row[3] for row in music["notes"]))
