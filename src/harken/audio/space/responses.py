"""What channels hear of an impulse at a place, and of a sound that stays there or moves.

The direct sound arrives at time zero, wherever it comes from: the delay of its way is left out, so
that a part begins when its plan says. A source that moves passes through places a quarter of a
second apart, between which its sound is cross-faded; there is no Doppler shift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import ScenePlan
from harken.audio.codec import Samples
from harken.audio.space.head import RADIUS_M, delay_s, incidence, shadow
from harken.audio.space.images import Arrivals, arrivals
from harken.audio.space.layouts import CHANNELS, gains
from harken.audio.space.place import SPEED_M_S, Place, Room, between

Array = NDArray[np.float64]

STEP_S = 0.25
"""Seconds between two places of a source that moves."""

HALF = 20
"""Samples of a fractional delay on each side."""

PHASES = 32
"""Fractions of a sample to which delays between channels are rounded."""

CHUNK = 1 << 14
"""Reflections that are laid down at a time, which bounds the memory."""

LOWEST_HZ = 60.0
"""Reflections below this frequency are taken out: images all have one sign, so that their number
would make a rumble that no room has."""

BIN_RAD = math.radians(5.0)
"""Directions of reflections whose shadow of the head is the same."""

TAIL_S = 0.002
"""How long the shadow of the head rings at most."""

Mics = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """Impulse responses (channels, n) of which sample `lead` is time zero."""

    taps: Array
    lead: int


def response_size(plan: ScenePlan, layout: str) -> tuple[int, int]:
    """Samples before time zero, and in all, that any response of a scene has."""
    tail = 0 if plan.room is None else math.ceil(plan.room.rt60_s * plan.rate_hz)
    if layout not in ("array", "binaural"):
        return 0, tail + 1
    wide = RADIUS_M * 2 if layout == "binaural" else _radius(plan.mics)
    lead = HALF + math.ceil(wide / SPEED_M_S * plan.rate_hz)
    ring = math.ceil(TAIL_S * plan.rate_hz) if layout == "binaural" else 0
    return lead, 2 * lead + tail + ring + 1


def _radius(mics: Mics) -> float:
    return max((math.dist(mic, (0.0, 0.0, 0.0)) for mic in mics), default=0.0)


@lru_cache(maxsize=64)
def response(
    place: Place, room: Room | None, layout: str, mics: Mics, rate_hz: int, size: tuple[int, int]
) -> Response:
    """What the channels of a layout hear of an impulse at a place; `size` as `response_size`."""
    lead, count = size
    heard = arrivals(place, room)
    if layout == "array":
        rows = [_fractional(*_at(heard, mic, place, lead, rate_hz), count) for mic in mics]
        taps = np.stack(rows)
    elif layout == "binaural":
        taps = np.stack([_ear(heard, ear, place, lead, rate_hz, count) for ear in (0, 1)])
    else:
        taps = _whole(heard, layout, place, rate_hz, count)
    if room is not None:
        taps = without_rumble(taps, rate_hz)
    taps.setflags(write=False)
    return Response(taps, lead)


def without_rumble(taps: Array, rate_hz: int) -> Array:
    """Rows without frequencies below `LOWEST_HZ`: a Butterworth filter of the fourth order."""
    from scipy.signal import butter, sosfilt

    found: Array = sosfilt(butter(4, LOWEST_HZ, "highpass", fs=rate_hz, output="sos"), taps, axis=1)
    return found


def _at(
    heard: Arrivals, position: tuple[float, float, float], place: Place, lead: int, rate_hz: int
) -> tuple[Array, Array]:
    """Delays (samples) and levels at a position relative to the listener."""
    _, distances, levels = heard.seen_from(*position)
    return lead + (distances - place.distance_m) / SPEED_M_S * rate_hz, levels


def _whole(heard: Arrivals, layout: str, place: Place, rate_hz: int, count: int) -> Array:
    """Channels at one point, which differ in level alone: delays are rounded to samples."""
    directions, distances, levels = heard.seen_from(0.0, 0.0, 0.0)
    at = np.rint((distances - place.distance_m) / SPEED_M_S * rate_hz).astype(np.int64)
    inside = at < count
    loud = gains(layout, directions) * levels
    return np.stack([np.bincount(at[inside], row[inside], minlength=count) for row in loud])


def _fractional(delays: Array, levels: Array, count: int) -> Array:
    """Impulses at any delays (samples), each as a windowed sinc of `HALF` samples on each side."""
    steps = np.rint(delays * PHASES).astype(np.int64)
    at, phase = np.divmod(steps, PHASES)
    inside = np.flatnonzero((at >= HALF) & (at < count - HALF))
    kernels, around = _kernels(), np.arange(-HALF, HALF + 1)
    found = np.zeros(count)
    for first in range(0, len(inside), CHUNK):
        own = inside[first : first + CHUNK]
        cells = at[own, None] + around
        weights = levels[own, None] * kernels[phase[own]]
        found += np.bincount(cells.ravel(), weights.ravel(), minlength=count)
    return found


@lru_cache(maxsize=1)
def _kernels() -> Array:
    """For each phase an impulse so much after the middle of 2 HALF + 1 samples."""
    n = np.arange(-HALF, HALF + 1) - np.arange(PHASES)[:, None] / PHASES
    kernels: Array = np.sinc(n) * (0.5 + 0.5 * np.cos(np.pi * n / (HALF + 1)))
    return kernels


def _ear(heard: Arrivals, ear: int, place: Place, lead: int, rate_hz: int, count: int) -> Array:
    """One ear: arrivals delayed by the way around the head, and shadowed by it."""
    from scipy.signal import lfilter

    directions, distances, levels = heard.seen_from(0.0, 0.0, 0.0)
    angles = incidence(directions, ear)
    late = (distances - place.distance_m) / SPEED_M_S + delay_s(angles)
    delays = lead + late * rate_hz
    # The direct sound has its own shadow; reflections share those of their bins.
    bins = np.rint(angles / BIN_RAD).astype(np.int64)
    bins[0] = -1
    found = np.zeros(count)
    for number in np.unique(bins):
        own = bins == number
        angle = float(angles[0]) if number < 0 else number * BIN_RAD
        numerator, denominator = shadow(min(angle, math.pi), rate_hz)
        found += lfilter(numerator, denominator, _fractional(delays[own], levels[own], count))
    return found


def convolved(
    plan: ScenePlan,
    path: Sequence[Place],
    sound: Callable[[int, int], Array],
    count: int,
    window: tuple[int, int],
    layout: str,
) -> Samples:
    """A part along its path, as the channels of a layout hear it.

    Args:
        plan: the scene.
        path: where the part is.
        sound: gives samples from and to of the part.
        count: samples of the part.
        window: from and to, relative to the beginning of the part.
        layout: of the channels.

    Returns:
        float32 (channels, window).
    """
    size = response_size(plan, layout)
    lead, length = size
    start, stop = window
    # Sample n hears samples n + lead - length + 1 to n + lead of the part.
    low, high = max(0, start + lead - length + 1), min(count, stop + lead)
    if low >= high:
        return np.zeros((_rows(plan, layout), stop - start), np.float32)
    dry = sound(low, high)
    knots = 1 if len(path) == 1 else max(2, math.ceil(count / plan.rate_hz / STEP_S) + 1)
    found: Array = np.zeros((_rows(plan, layout), stop - start))
    for number in range(knots):
        weight, part = _share(knots, number, count, low, high)
        if part is None:
            continue
        place = path[0] if knots == 1 else between(path, number / (knots - 1))
        heard = response(place, plan.room, layout, plan.mics, plan.rate_hz, size)
        wet = _convolve(dry[part] * weight, heard.taps)
        first = low + part.start - lead - start  # where `wet` begins in the window
        a, b = max(0, first), min(stop - start, first + wet.shape[1])
        if a < b:
            found[:, a:b] += wet[:, a - first : b - first]
    return found.astype(np.float32)


def _rows(plan: ScenePlan, layout: str) -> int:
    return len(plan.mics) if layout == "array" else CHANNELS[layout]


def _share(
    knots: int, number: int, count: int, low: int, high: int
) -> tuple[Array | float, slice | None]:
    """How much of each sample belongs to a knot: its triangle between the knots beside it."""
    if knots == 1:
        return 1.0, slice(0, high - low)
    step = count / (knots - 1)
    first = max(low, math.ceil((number - 1) * step))
    last = min(high, math.floor((number + 1) * step) + 1)
    if first >= last:
        return 0.0, None
    weight = 1.0 - np.abs(np.arange(first, last) / step - number)
    return np.maximum(weight, 0.0), slice(first - low, last - low)


def _convolve(sound: Array, taps: Array) -> Array:
    """Each row of `taps` convolved with `sound`, (channels, n + length - 1)."""
    if taps.shape[1] == 1:
        return taps * sound
    from scipy.signal import oaconvolve

    found: Array = oaconvolve(sound[None, :], taps, axes=1)
    return found
