"""What a scene may hold, as it is declared: sources, levels, places, room.

`spec_from` reads the values of a YAML file; docs/scenes.md has one that runs. Numbers may be
distributions (`harken.synth.scenes.draws`). Labels are names, as the corpus has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from harken.audio.clip import RATE_HZ
from harken.audio.space.layouts import LAYOUTS
from harken.errors import ConfigError
from harken.registry import nearest
from harken.synth.scenes.draws import Distribution, constant, distribution

_ZERO, _ONE, _TWO = constant(0.0), constant(1.0), constant(2.0)
_DISTANCE_M, _GAP_S, _PAUSE_S = constant(1.5), constant(0.2), constant(0.3)
_DURATION_S, _RT60_S, _LEVEL_DB = constant(10.0), constant(0.4), constant(-35.0)
_SIZE_M = (constant(6.0), constant(5.0), constant(3.0))
_LISTENER = (constant(0.45), constant(0.4), constant(0.5))


Overlap = bool | Literal["always"]
"""Whether an event may be heard together with others, or is."""


@dataclass(frozen=True, slots=True)
class Somewhere:
    """Where a source is, as heard from the listener: degrees (to the left, up) and metres."""

    azimuth: Distribution = _ZERO
    elevation: Distribution = _ZERO
    distance: Distribution = _DISTANCE_M


@dataclass(frozen=True, slots=True)
class Events:
    """Sounds, each a recording of one of the labels.

    Attributes:
        labels: one is drawn for each; none: any label of the corpus.
        count: how many.
        onset: when one begins (s); None: anywhere it fits.
        duration: most of a recording that is used (s); None: all of it.
        snr: level over the background (dB); `gain`: or over its own level (dB).
        pitch: semitones up; `tempo`: times as fast.
        repeats: how often it is heard; `gap`: seconds in between.
        overlap: whether it may be heard together with other events or turns; ``always``: it is,
            for at least half of the shorter of the two.
        place: where it is; None: nowhere in particular.
        to: where it moves to in a straight line while it is heard.
    """

    labels: tuple[str, ...] = ()
    count: Distribution = _ONE
    onset: Distribution | None = None
    duration: Distribution | None = None
    snr: Distribution | None = None
    gain: Distribution | None = None
    pitch: Distribution = _ZERO
    tempo: Distribution = _ONE
    repeats: Distribution = _ONE
    gap: Distribution = _GAP_S
    overlap: Overlap = True
    place: Somewhere | None = None
    to: Somewhere | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Speakers who take turns; each stays at one place.

    Attributes:
        speakers: how many different ones; `turns`: how many turns in all.
        voices: who they are drawn from, as the corpus names them; none: all that it names.
        onset: when the first begins (s); `gap`: seconds between turns, below 0 where they overlap.
        snr: level over the background (dB); `gain`: or over their own level (dB).
        place: drawn for each speaker; None: nowhere in particular.
    """

    speakers: Distribution = _TWO
    turns: Distribution = _TWO
    voices: tuple[str, ...] = ()
    onset: Distribution = _GAP_S
    gap: Distribution = _PAUSE_S
    snr: Distribution | None = None
    gain: Distribution | None = None
    place: Somewhere | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """What is heard all through the scene, repeated where it is short.

    Attributes:
        labels: one is drawn; `level`: of it, RMS in dB of full scale, before the whole is scaled.
    """

    labels: tuple[str, ...] = ()
    level: Distribution = _LEVEL_DB


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """A rectangular room.

    Attributes:
        size: length, width and height (m); `rt60`: reverberation time (s).
        listener: where the listener is, as shares of the size.
    """

    size: tuple[Distribution, ...] = _SIZE_M
    rt60: Distribution = _RT60_S
    listener: tuple[Distribution, ...] = _LISTENER


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around the events of scenes whose events are given: a background, a room, or both."""

    background: Background | None = None
    room: RoomSpec | None = None


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """A declaration of scenes.

    Attributes:
        duration: of a scene (s); `rate`: sample rate (Hz).
        layout: what the channels are (`harken.audio.space.layouts`); `mics`: positions (m; front,
            left, up) of the layout ``array``.
        peak: highest sample of a scene at most, in dB of full scale.
        background, room, events, talk: as their types say.
    """

    duration: Distribution = _DURATION_S
    rate: int = RATE_HZ
    layout: str = "mono"
    mics: tuple[tuple[float, float, float], ...] = ()
    peak: float = -1.0
    background: Background | None = None
    room: RoomSpec | None = None
    events: tuple[Events, ...] = ()
    talk: tuple[Talk, ...] = ()


def spec_from(raw: Mapping[str, Any], where: str = "the scene") -> SceneSpec:
    """The declaration in the values of a YAML file.

    Raises:
        ConfigError: an unknown key, with the closest known one, or a value that does not fit.
    """
    spec: SceneSpec = _read(SceneSpec, raw, where)
    if spec.layout not in LAYOUTS:
        raise ConfigError(
            f"unknown layout {spec.layout!r}", where=where, hint=f"Known: {list(LAYOUTS)}"
        )
    if (spec.layout == "array") != bool(spec.mics):
        raise ConfigError("mics are those of the layout array, and it needs some", where=where)
    if not spec.events and not spec.talk:
        raise ConfigError(
            "neither events nor talk are declared", where=where, hint="Declare one of them."
        )
    _require_range(spec.duration, 0.1, 6 * 3600.0, "duration", where)
    declared: tuple[Events | Talk, ...] = (*spec.events, *spec.talk)
    for number, own in enumerate(declared, 1):
        place = f"{where}, {'events' if isinstance(own, Events) else 'talk'} {number}"
        if own.snr is not None and own.gain is not None:
            raise ConfigError("snr and gain are both given", where=place, hint="Give one.")
        if own.snr is not None and spec.background is None:
            raise ConfigError(
                "snr is a level over the background, and there is none",
                where=place,
                hint="Declare a background, or give gain.",
            )
        if spec.room is not None and own.place is None:
            raise ConfigError("in a room every source needs a place", where=place)
        if isinstance(own, Events):
            _require_range(own.tempo, 0.25, 4.0, "tempo", place)
            _require_range(own.pitch, -24.0, 24.0, "pitch", place)
            if own.to is not None and own.place is None:
                raise ConfigError("it moves to a place from none", where=place)
            if own.overlap == "always" and number == 1 and not spec.talk:
                raise ConfigError(
                    "it always overlaps, and nothing is placed before it",
                    where=place,
                    hint="Declare what it overlaps before it, or talk.",
                )
    return spec


def surroundings_from(raw: Mapping[str, Any], where: str = "the surroundings") -> Surroundings:
    """Background and room in the values of a YAML file, declared as those of a scene.

    Raises:
        ConfigError: an unknown key, with the closest known one, or a value that does not fit.
    """
    found: Surroundings = _read(Surroundings, raw, where)
    if found == Surroundings():
        raise ConfigError(
            "neither background nor room are declared", where=where, hint="Declare one of them."
        )
    return found


def _require_range(own: Distribution, low: float, high: float, name: str, where: str) -> None:
    if own.bounds[0] < low or own.bounds[1] > high:
        raise ConfigError(
            f"{name} is drawn from {own.bounds[0]:g} to {own.bounds[1]:g}",
            where=where,
            hint=f"Keep it from {low:g} to {high:g}; of normal distributions use truncated.",
        )


def _read(kind: type[Any], raw: Any, where: str) -> Any:
    """`raw` as the dataclass `kind`, strictly."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{raw!r} is not a set of keys", where=where)
    known = {field.name: field for field in fields(kind)}
    values = {}
    for key, value in raw.items():
        if key not in known:
            hint = nearest(str(key), sorted(known))
            raise ConfigError(f"unknown key {key!r}", where=where, hint=hint)
        if value is not None:
            values[key] = _READERS[str(known[key].type)](value, f"{where}, {key}")
    return kind(**values)


def _texts(raw: Any, where: str) -> tuple[str, ...]:
    found = [raw] if isinstance(raw, str) else raw
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise ConfigError(f"{raw!r} is not a list of labels", where=where)
    return tuple(dict.fromkeys(one.strip().lower() for one in found))


def _listed(kind: type[Any]) -> Callable[[Any, str], tuple[Any, ...]]:
    def read(raw: Any, where: str) -> tuple[Any, ...]:
        found = raw if isinstance(raw, list | tuple) else [raw]
        return tuple(_read(kind, one, f"{where} {n}") for n, one in enumerate(found, 1))

    return read


def _three(raw: Any, where: str) -> tuple[Distribution, ...]:
    if not isinstance(raw, list | tuple) or len(raw) != 3:
        raise ConfigError(f"{raw!r} is not three numbers", where=where)
    return tuple(distribution(one, where) for one in raw)


def _mics(raw: Any, where: str) -> tuple[tuple[float, ...], ...]:
    rows = raw if isinstance(raw, list | tuple) else [raw]
    found = [_three(row, where) for row in rows]
    if any(len(one.values) > 1 for row in found for one in row):
        raise ConfigError("positions of microphones are not drawn", where=where)
    return tuple(tuple(one.values[0] for one in row) for row in found)


def _plain(kind: type[Any]) -> Callable[[Any, str], Any]:
    def read(raw: Any, where: str) -> Any:
        if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
        if not isinstance(raw, kind) or (kind is not bool and isinstance(raw, bool)):
            raise ConfigError(f"{raw!r} is no {kind.__name__}", where=where)
        return raw

    return read


def _overlap(raw: Any, where: str) -> Overlap:
    if raw == "always" or isinstance(raw, bool):
        return raw  # type: ignore[no-any-return]
    raise ConfigError(f"{raw!r} is no overlap", where=where, hint="true, false or always.")


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "Distribution": distribution,
    "Distribution | None": distribution,
    "tuple[Distribution, ...]": _three,
    "tuple[str, ...]": _texts,
    "tuple[tuple[float, float, float], ...]": _mics,
    "Somewhere | None": lambda raw, where: _read(Somewhere, raw, where),
    "Background | None": lambda raw, where: _read(Background, raw, where),
    "RoomSpec | None": lambda raw, where: _read(RoomSpec, raw, where),
    "tuple[Events, ...]": _listed(Events),
    "tuple[Talk, ...]": _listed(Talk),
    "Overlap": _overlap,
    "int": _plain(int),
    "float": _plain(float),
    "str": _plain(str),
}
"""How a field is read, by its type."""
