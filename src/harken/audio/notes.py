"""Notes: tones of simple synthetic instruments, made of what a clip says of them and nothing else.

Additive synthesis: a note is a sum of partials, each with its frequency as a multiple of the pitch,
its own gain and its own decay, times one envelope. The tables are rough readings of published
descriptions: odd harmonics of a tube that is closed at one end, brass that is brighter where it is
louder (Risset and Mathews, "Analysis of musical-instrument tones", 1969), stiff strings (Fletcher,
"Normal vibration frequencies of a stiff piano string", 1964), partials of bars that are free at
both ends or tuned. Nothing is random, so the same note has the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.errors import AudioError

HIGHEST_HZ = 7_600.0
"""Partials above this frequency are left out, so that a note is the same at all usual rates."""


@dataclass(frozen=True, slots=True)
class PlayedNote:
    """What a clip of the kind ``note`` sounds like; how long it lasts is the length of the clip.

    Attributes:
        timbre: one of `TIMBRES`.
        pitch: MIDI number: 69 is 440 Hz, and 1 more is a semitone higher.
    """

    timbre: str
    pitch: float

    @property
    def hz(self) -> float:
        """Frequency of the fundamental, in equal temperament."""
        return float(440.0 * 2.0 ** ((self.pitch - 69.0) / 12.0))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {"timbre": self.timbre, "pitch": self.pitch}


@dataclass(frozen=True, slots=True)
class Timbre:
    """How an instrument sounds.

    Attributes:
        partials: (multiple of the fundamental, gain, seconds in which it decays by 60 dB; 0: it
            does not).
        rise_s: time until it is at full strength.
        fall_s: time in which it ends.
        vibrato: how far the pitch swings up and down, as a share of it, 5.5 times a second.
        bright: how much later and less the higher partials come in than the first, as of brass.
    """

    partials: tuple[tuple[float, float, float], ...]
    rise_s: float
    fall_s: float = 0.03
    vibrato: float = 0.0
    bright: float = 0.0


def _series(
    count: int, gain: Callable[[int], float], decay_s: Callable[[int], float] = lambda k: 0.0
) -> tuple[tuple[float, float, float], ...]:
    """Harmonics 1 to `count`."""
    return tuple((float(k), gain(k), decay_s(k)) for k in range(1, count + 1))


def _stiff(count: int, stiffness: float) -> tuple[tuple[float, float, float], ...]:
    """Partials of a struck stiff string, f_k = k f sqrt(1 + B k^2)."""
    return tuple(
        (k * math.sqrt(1 + stiffness * k * k), math.exp(-0.4 * k), 2.5 / k**0.6)
        for k in range(1, count + 1)
    )


TIMBRES: dict[str, Timbre] = {
    "organ": Timbre(
        ((0.5, 0.4, 0), (1, 1, 0), (2, 0.8, 0), (3, 0.5, 0), (4, 0.55, 0), (6, 0.2, 0)), 0.02, 0.04
    ),
    "flute": Timbre(_series(4, lambda k: (1.0, 0.25, 0.1, 0.03)[k - 1]), 0.07, 0.06, 0.004),
    "clarinet": Timbre(_series(15, lambda k: k**-0.9 if k % 2 else 0.03 / k), 0.04, 0.04),
    "trumpet": Timbre(_series(14, lambda k: min(1.0, 0.35 * k) / k**0.4), 0.05, 0.05, 0.003, 1.0),
    "violin": Timbre(_series(16, lambda k: 1.0 / k), 0.1, 0.07, 0.008),
    "piano": Timbre(_stiff(14, 0.0004), 0.004),
    "guitar": Timbre(
        _series(18, lambda k: abs(math.sin(0.22 * math.pi * k)) / k, lambda k: 1.6 / k**0.7), 0.002
    ),
    "harpsichord": Timbre(
        _series(24, lambda k: (1.0 if k % 2 else 1.5) / k**0.5, lambda k: 1.2 / k**0.3), 0.001
    ),
    "glockenspiel": Timbre(((1, 1, 1.6), (2.756, 0.4, 0.8), (5.404, 0.25, 0.3)), 0.001),
    "marimba": Timbre(((1, 1, 0.45), (4, 0.25, 0.16), (9.2, 0.15, 0.06)), 0.002),
    "woodblock": Timbre(((1, 1, 0.08), (1.47, 0.6, 0.06), (2.83, 0.4, 0.03)), 0.001),
}
"""Instruments by name. Those after the harpsichord are not harmonic."""

VIBRATO_HZ = 5.5


def note_samples(note: PlayedNote, duration_s: float, rate_hz: int) -> NDArray[np.float32]:
    """The samples of a note, float32 (round(duration_s * rate_hz),), with a peak of 1.

    Raises:
        AudioError: ``bad-plan`` for an unknown instrument.
    """
    if note.timbre not in TIMBRES:
        raise AudioError("bad-plan", f"no instrument {note.timbre!r}", hint=f"One of {[*TIMBRES]}.")
    timbre = TIMBRES[note.timbre]
    count = round(duration_s * rate_hz)
    t = np.arange(count) / rate_hz
    swing = timbre.vibrato / (2.0 * np.pi * VIBRATO_HZ) * np.sin(2.0 * np.pi * VIBRATO_HZ * t)
    cycles = 2.0 * np.pi * note.hz * (t + swing)
    rise = np.minimum(1.0, t / timbre.rise_s)
    sound = np.zeros(count)
    for multiple, gain, decay_s in timbre.partials:
        if multiple * note.hz > min(HIGHEST_HZ, 0.48 * rate_hz):
            continue
        own = gain * np.sin(multiple * cycles)
        if decay_s:
            own *= 10.0 ** (-3.0 * t / decay_s)
        sound += own * rise ** (1.0 + timbre.bright * 0.35 * multiple)
    sound *= np.minimum(1.0, (count - np.arange(count)) / (timbre.fall_s * rate_hz))
    peak = float(np.max(np.abs(sound), initial=0.0))
    return (sound / peak if peak > 0 else sound).astype(np.float32)
