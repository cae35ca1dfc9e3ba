"""Who speaks when and what, by where the voices come from: each talker stays in one place.

The sounds of a recording are taken apart by direction (`harken.audio.space.apart`), and each is one
talker, whatever the voices are; two who speak at once are heard apart. In a room each sound holds
what is reflected of the others, so who speaks in a frame is told by the energy that comes straight
from a direction (`Arrival.direct`): the loudest does, and those within `BESIDE_DB` of it. Turns are
the frames of a talker between pauses (`harken.audio.voices.pieces`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.apart import HOP, Arrival, taken_apart
from harken.audio.voices import PAUSE_S, QUIET_DB, RATE_HZ, VoiceTurn, pieces

BESIDE_DB = 8.0
"""A voice is heard beside one that is so much louder at most; the levels are means of 40 ms."""

QUIETER_DB = 12.0
"""A turn whose loudest frame is farther below the talker's loudest is an echo of another talker."""

AROUND = 5
"""Frames of 8 ms in such a mean."""

TALKERS = 3
"""So many are told apart at most (`taken_apart`)."""


Doubles = NDArray[np.float64]


class Talker(NamedTuple):
    """One who speaks from one direction.

    Attributes:
        number: 1, 2, … in the order of their first turns.
        direction: unit vector (front, left, up).
        samples: what comes from there, in mono (n,) at 16 kHz.
        turns: from when to when, in order.
    """

    number: int
    direction: Doubles
    samples: NDArray[np.float32]
    turns: tuple[VoiceTurn, ...]


def talkers(
    sound: NDArray[np.float32],
    layout: str,
    mics: Sequence[tuple[float, float, float]] = (),
    *,
    pause_s: float = PAUSE_S,
    most: int = 0,
) -> list[Talker]:
    """Those who speak in a recording.

    Args:
        sound: (channels, n) at 16 kHz.
        layout: one of `harken.audio.space.layouts.LAYOUTS`.
        mics: of an array: positions in metres (front, left, up).
        pause_s: a longer pause ends a turn.
        most: so many talkers at most; 0: `TALKERS`.

    Returns:
        In the order of their first turns; one from nowhere where nothing tells a direction, and []
        where nothing is heard.

    Raises:
        ValueError: another number of channels than the layout has.
    """
    found = taken_apart(sound, layout, mics, min(most or TALKERS, TALKERS))
    levels = _levels(found)
    spoken = [
        (arrival, own)
        for arrival, level, speaks in zip(found, levels, _speak(levels), strict=True)
        if (own := _turns(arrival, level, speaks, pause_s))
    ]
    spoken.sort(key=lambda one: one[1][0])
    return [
        Talker(
            number,
            arrival.direction,
            arrival.samples,
            tuple(VoiceTurn(a / RATE_HZ, b / RATE_HZ, number) for a, b in own),
        )
        for number, (arrival, own) in enumerate(spoken, 1)
    ]


def _levels(found: Sequence[Arrival]) -> Doubles:
    """The energy that comes straight from each sound, averaged over `AROUND` frames: (K, T)."""
    mean = np.ones(AROUND) / AROUND
    return np.stack([np.convolve(one.direct, mean, "same") for one in found])


def _speak(levels: Doubles) -> NDArray[np.bool_]:
    """In which frames each speaks (K, T)."""
    beside = levels.max(0) * 10 ** (-BESIDE_DB / 10)
    quiet = levels.max(1, keepdims=True) * 10 ** (-QUIET_DB / 10)
    speaks: NDArray[np.bool_] = (levels >= np.maximum(beside, quiet)) & (levels > 0)
    return speaks


def _turns(
    arrival: Arrival, level: Doubles, speaks: NDArray[np.bool_], pause_s: float
) -> list[tuple[int, int]]:
    """First sample and end of each turn of one talker."""
    frame = (np.arange(len(arrival.samples)) + HOP // 2) // HOP
    least = level.max(initial=0.0) * 10 ** (-QUIETER_DB / 10)
    return [
        (start, end)
        for start, end in pieces(arrival.samples * speaks[frame], pause_s)
        if level[start // HOP : end // HOP + 1].max() >= least
    ]
