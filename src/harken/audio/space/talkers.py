"""Who speaks when and what, by where the voices come from: each talker stays in one place.

The sounds of a recording are taken apart by direction (`harken.audio.space.apart`), and each is one
talker, whatever the voices are; two who speak at once are heard apart. A frame is a talker's if it
is the loudest sound of it or `BESIDE_DB` below at most: more than that is what is left of the other
ones. Turns are the frames of a talker between pauses (`harken.audio.voices.pieces`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.apart import Arrival, taken_apart
from harken.audio.voices import FRAME, HOP, PAUSE_S, RATE_HZ, VoiceTurn, pieces

BESIDE_DB = 10.0
"""A voice is heard beside one that is so much louder at most, in a frame of 25 ms."""

TALKERS = 3
"""So many are told apart at most (`taken_apart`)."""


class Talker(NamedTuple):
    """One who speaks from one direction.

    Attributes:
        number: 1, 2, … in the order of their first turns.
        direction: unit vector (front, left, up).
        samples: what comes from there, in mono (n,) at 16 kHz.
        turns: from when to when, in order.
    """

    number: int
    direction: NDArray[np.float64]
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
    spoken = [
        (arrival, own)
        for arrival, heard in zip(found, _theirs(found), strict=True)
        if (own := pieces(arrival.samples * heard, pause_s))
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


def _theirs(found: Sequence[Arrival]) -> list[NDArray[np.float32]]:
    """Of each sound, 1 where it is loud enough beside the others, else 0: (n,) each."""
    levels = np.stack([_levels(one.samples) for one in found])
    least = levels.max(0) * 10 ** (-BESIDE_DB / 10)
    size = len(found[0].samples)
    return [
        np.repeat((own >= least).astype(np.float32), HOP)[:size]
        for own in levels
    ]  # fmt: skip


def _levels(samples: NDArray[Any]) -> NDArray[np.float64]:
    """The energy of a frame around every `HOP` samples, to the end: (⌈n / HOP⌉,)."""
    count = -(-len(samples) // HOP)
    side = (FRAME - HOP) // 2
    padded = np.pad(np.square(samples, dtype=np.float64), (side, side + count * HOP - len(samples)))
    sums = np.concatenate([[0.0], padded.cumsum()])
    starts = np.arange(count) * HOP
    energy: NDArray[np.float64] = sums[starts + HOP + 2 * side] - sums[starts]
    return energy
