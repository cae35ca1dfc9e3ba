"""When a sound is heard, and how strongly: from the stem of each part before it is mixed.

A sound is active where its power over a millisecond is at most 40 dB below its loudest ten
milliseconds. Reflections are no part of it: they come from the room.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ, Clip, ScenePlan
from harken.audio.load import load
from harken.audio.space.layouts import AMBISONIC
from harken.audio.stems import dry, first_of, part_length, stem

Array = NDArray[np.float64]

BELOW_DB = 40.0
"""A sound is active down to so many dB below its loudest 10 ms."""

GAP_S = 0.2
"""Shorter pauses do not end a stretch of activity."""

Stretch = tuple[int, int]
"""First sample, and the sample after the last."""


def stretches(sound: Array, rate_hz: int) -> list[Stretch]:
    """Where a sound (n,) is active, with pauses under `GAP_S` left in."""
    frame = max(1, rate_hz // 1000)
    power = np.add.reduceat(sound * sound, np.arange(0, len(sound), frame)) if len(sound) else sound
    if not power.size or power.max() <= 0:
        return []
    ten = np.convolve(power, np.full(10, 0.1), "same")
    active = np.flatnonzero(power >= ten.max() * 10.0 ** (-BELOW_DB / 10.0))
    ends = np.flatnonzero(np.diff(active) > GAP_S * 1000)
    firsts = np.concatenate([active[:1], active[ends + 1]])
    lasts = np.concatenate([active[ends], active[-1:]])
    return [
        (int(a) * frame, min(int(b + 1) * frame, len(sound)))
        for a, b in zip(firsts, lasts, strict=True)
    ]


@lru_cache(maxsize=1 << 14)
def begins_s(clip: Clip) -> float:
    """When a clip begins to be heard, in seconds from its start; 0 where it is silent."""
    found = stretches(load(clip).astype(np.float64), RATE_HZ)
    return found[0][0] / RATE_HZ if found else 0.0


def heard_in(plan: ScenePlan, number: int) -> list[Stretch]:
    """Where one part is active, in samples of its scene."""
    part = plan.parts[number]
    first = first_of(plan, part)
    alone = _alone(plan, number)
    found = _heard(alone) if part.clip.sha256 else _heard.__wrapped__(alone)
    return [(first + a, first + b) for a, b in found]


def energy(plan: ScenePlan, number: int) -> tuple[float, int]:
    """Sum of squares of a part at unit gain while it is active, with reflections; and samples.

    Of several channels the mean, of ambisonics the first, which hears all directions alike.
    """
    alone = _alone(plan, number)
    return _energy(alone) if plan.parts[number].clip.sha256 else _energy.__wrapped__(alone)


def _alone(plan: ScenePlan, number: int) -> ScenePlan:
    """A part at the beginning of a scene that ends when its own does: what it is measured in.

    Many scenes have the same one, and each scene is measured when it is planned and when its truth
    is told; so what is measured is kept, of recordings that are known by the hash of their bytes.
    """
    part = plan.parts[number]
    length_s = part_length(plan, part) / plan.rate_hz
    own = replace(part, at_s=0.0, gain_db=0.0)
    return replace(plan, parts=(own,), duration_s=length_s, gain_db=0.0)


@lru_cache(maxsize=1 << 12)
def _heard(alone: ScenePlan) -> tuple[Stretch, ...]:
    (part,) = alone.parts
    sound = dry(alone, part, 0, part_length(alone, part), True, load)[0]
    return tuple(stretches(sound, alone.rate_hz))


@lru_cache(maxsize=1 << 12)
def _energy(alone: ScenePlan) -> tuple[float, int]:
    layout = "mono" if alone.layout in ("mono", *AMBISONIC) else alone.layout
    total, count = 0.0, 0
    for start, stop in heard_in(alone, 0):
        own = stem(alone, 0, start, stop, layout, load)
        total += float(np.sum(np.square(own, dtype=np.float64))) / own.shape[0]
        count += stop - start
    return total, count
