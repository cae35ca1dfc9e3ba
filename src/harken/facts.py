"""What is known to be in a clip: its sources with times, places and levels, and its room.

`ClipFacts` is the truth about one clip, whatever is asked about it: an `Item` has one for each of
its clips. What is not known is None, never 0 or an empty text. Sounds are known by their labels,
never by numbers. Times are seconds from the beginning of the clip, angles degrees, distances
metres, levels dB.

Directions are those of ambisonics and of SOFA: azimuth counts from the front to the left (90 is
left, -90 is right), elevation from the horizon up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from harken.errors import DataError

SourceKind = Literal["speech", "sound", "music", "background"]
"""What a source is; a background is what is heard behind the others, whatever it holds."""

KINDS: tuple[str, ...] = get_args(SourceKind)


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A spoken word, and when it begins and ends in the clip, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source of a clip. It retires the key ``heard`` of an item's plan, and ``kind`` with it.

    Attributes:
        kind: one of `KINDS`.
        label: the name of the sound; for a word spoken alone, the word.
        onset_s, offset_s: when it begins and ends to be heard.
        azimuth_deg, elevation_deg, distance_m: where it is, as heard from the microphone; of one
            that moves, where it is at its onset.
        snr_db: its level (RMS while it is heard) over that of the background.
        gain_db: by how much its recording was amplified.
        pitch_semitones: by how much its recording was raised in pitch; None: it was not.
        speaker: who speaks.
        transcript: all that is said.
        words: the words of the transcript with their times.

    Raises:
        DataError: an unknown kind, numbers that are not finite, or an end before its beginning.
    """

    kind: SourceKind
    label: str | None = None
    onset_s: float | None = None
    offset_s: float | None = None
    azimuth_deg: float | None = None
    elevation_deg: float | None = None
    distance_m: float | None = None
    snr_db: float | None = None
    gain_db: float | None = None
    pitch_semitones: float | None = None
    speaker: str | None = None
    transcript: str | None = None
    words: tuple[TimedWord, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be true."""
        if self.kind not in KINDS:
            raise DataError(f"a source of the kind {self.kind!r}", hint=f"Known: {list(KINDS)}")
        _require_finite(self)
        spans = [(self.onset_s, self.offset_s)]
        spans += [(word.start_s, word.end_s) for word in self.words or ()]
        for start, end in spans:
            if start is not None and end is not None and end < start:
                raise DataError(f"{self.name or self.kind} ends at {end:g} s, before {start:g} s")

    @property
    def name(self) -> str | None:
        """What is heard, in words: what is said, else the label."""
        return self.transcript if self.kind == "speech" and self.transcript else self.label


@dataclass(frozen=True, slots=True)
class MusicFacts:
    """What is played in a clip, besides the instruments, which are its sources.

    Attributes:
        tempo_bpm: beats a minute; of a tempo that changes, at the beginning.
        last_tempo_bpm: beats a minute at the end.
        beats: beats in a bar.
        key: tonic and mode, such as ``"A minor"``.
        chords: root and kind of each chord, in order: ``"C major"``, ``"B diminished"``.
        pitches: MIDI numbers of the notes of the melody, in order (60 is middle C).
    """

    tempo_bpm: float | None = None
    last_tempo_bpm: float | None = None
    beats: int | None = None
    key: str | None = None
    chords: tuple[str, ...] | None = None
    pitches: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values; what is not known is left out."""
        return {k: [*v] if isinstance(v, tuple) else v for k, v in _known(self).items()}

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> MusicFacts:
        """The inverse of `to_dict`.

        Raises:
            DataError: an unknown key.
        """
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in _given(MusicFacts, raw).items()
        }
        return MusicFacts(**values)


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What is known of one clip.

    Attributes:
        sources: what is heard in it, in the order of their onsets where those are known.
        duration_s: its length.
        rt60_s: reverberation time of its room; None: not known, or no room.
        layout: what its channels are, one of the names in `harken.audio.space.layouts`, such as
            ``"mono"`` or ``"foa"``.
        music: tempo, key and notes of what is played; None: not known, or no music.

    Raises:
        DataError: numbers that are not finite.
    """

    sources: tuple[SourceFacts, ...] = ()
    duration_s: float | None = None
    rt60_s: float | None = None
    layout: str | None = None
    music: MusicFacts | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be true."""
        _require_finite(self)

    @property
    def front(self) -> tuple[SourceFacts, ...]:
        """The sources that are no background."""
        return tuple(source for source in self.sources if source.kind != "background")

    @property
    def names(self) -> tuple[str, ...] | None:
        """What is heard in front, in words; None where nothing is known, or one has no name."""
        found = tuple(source.name for source in self.front if source.name is not None)
        return found if found and len(found) == len(self.front) else None

    @property
    def is_speech(self) -> bool:
        """Whether all that is heard in front is speech; False where nothing is known."""
        return bool(self.front) and all(source.kind == "speech" for source in self.front)

    @property
    def is_sound(self) -> bool:
        """Whether nothing that is heard in front is speech; False where nothing is known."""
        return bool(self.front) and all(source.kind != "speech" for source in self.front)

    @property
    def timed(self) -> bool:
        """Whether onset and offset of all sources in front are known."""
        ends = [end for source in self.front for end in (source.onset_s, source.offset_s)]
        return bool(ends) and None not in ends

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values; what is not known is left out."""
        own = _known(self, "sources", "music")
        if self.music is not None:
            own["music"] = self.music.to_dict()
        return {"sources": [_known(source) for source in self.sources], **own}

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> ClipFacts:
        """The inverse of `to_dict`; absent keys and nulls are not known.

        Raises:
            DataError: an unknown key, or what `SourceFacts` refuses.
        """
        values = _given(ClipFacts, raw)
        sources = []
        for one in values.pop("sources", ()):
            own = _given(SourceFacts, one)
            if "words" in own:
                own["words"] = tuple(TimedWord(**_given(TimedWord, word)) for word in own["words"])
            sources.append(SourceFacts(**own))
        if "music" in values:
            values["music"] = MusicFacts.from_dict(values["music"])
        return ClipFacts(tuple(sources), **values)


def facts_from(raw: Sequence[Mapping[str, Any]] | None) -> tuple[ClipFacts, ...]:
    """The facts of an item's clips from their `ClipFacts.to_dict`; none are ()."""
    return tuple(ClipFacts.from_dict(one) for one in raw or ())


def _known(one: Any, *without: str) -> dict[str, Any]:
    found = {}
    for field in fields(one):
        value = getattr(one, field.name)
        if field.name == "words" and value is not None:
            value = [{"text": w.text, "start_s": w.start_s, "end_s": w.end_s} for w in value]
        if value is not None and field.name not in without:
            found[field.name] = value
    return found


def _given(kind: type[Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    unknown = sorted({*raw} - known)
    if unknown:
        raise DataError(
            f"unknown key {unknown[0]!r} in the facts of a clip", hint=f"Known: {sorted(known)}"
        )
    return {key: value for key, value in raw.items() if value is not None}


def _require_finite(one: Any) -> None:
    for name in _numbers(type(one)):
        value = getattr(one, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"{name} is {value} in the facts of a clip")


def _numbers(kind: type[Any]) -> tuple[str, ...]:
    """Names of the fields that hold a number, looked up once: facts are made in great numbers."""
    found = _NUMBERS.get(kind)
    if found is None:
        own = (field.name for field in fields(kind) if str(field.type).startswith("float"))
        found = _NUMBERS[kind] = tuple(own)
    return found


_NUMBERS: dict[type[Any], tuple[str, ...]] = {}
