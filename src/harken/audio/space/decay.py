"""Reverberation times: measured from impulse responses, and the absorption that gives one.

Formulas (Sabine, Eyring) suppose a diffuse field, which the images of a rectangular room with even
walls are not. So the absorption is found by measuring.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.images import room_images
from harken.audio.space.place import SPEED_M_S, Place
from harken.audio.space.responses import without_rumble
from harken.errors import ConfigError

Array = NDArray[np.float64]

FROM_DB, TO_DB = -5.0, -35.0
"""The range of the decay that a line is fitted to (T30 of ISO 3382)."""

_TRIES = 40


def rt60_of(response: Array, rate_hz: int) -> float:
    """Reverberation time (s) of an impulse response (n,), by Schroeder's backward integration.

    A line is fitted to the decay from -5 to -35 dB and drawn on to 60 dB (M. R. Schroeder: "New
    method of measuring reverberation time", J. Acoust. Soc. Am. 37, 1965).

    Raises:
        ConfigError: the response does not decay that far.
    """
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    if not energy.size or energy[0] <= 0:
        raise ConfigError("the reverberation time of silence")
    level = 10.0 * np.log10(np.maximum(energy / energy[0], 1e-30))
    inside = np.flatnonzero((level <= FROM_DB) & (level >= TO_DB))
    if len(inside) < 8 or level.min() > TO_DB:
        raise ConfigError(f"the impulse response decays by {-level.min():.0f} dB only")
    slope = np.polyfit(inside / rate_hz, level[inside], 1)[0]
    return float(-60.0 / slope)


def absorption_for(
    place: Place,
    size_m: tuple[float, float, float],
    listener_m: tuple[float, float, float],
    rt60_s: float,
    rate_hz: int,
) -> float:
    """The absorption of the walls with which a source at `place` decays by 60 dB in `rt60_s`.

    Raises:
        ConfigError: no absorption does.
    """
    images, bounces = room_images(place, size_m, listener_m, rt60_s)
    distances = np.sqrt((images * images).sum(axis=1))
    count = math.ceil(rt60_s * rate_hz) + 1
    at = np.rint((distances - place.distance_m) / SPEED_M_S * rate_hz).astype(np.int64)
    inside = at < count
    # A row for each number of walls, so that the response to any absorption is one product.
    rows = int(bounces.max()) + 1
    cells = bounces[inside] * count + at[inside]
    pulses = np.bincount(cells, 1.0 / distances[inside], minlength=rows * count)
    table = without_rumble(pulses.astype(np.float64).reshape(rows, count), rate_hz)
    walls = np.arange(rows)
    low, high = 1e-4, 1.0 - 1e-4
    for _ in range(_TRIES):
        middle = math.sqrt(low * high) if high < 0.5 else (low + high) / 2
        found = _measured(math.sqrt(1.0 - middle) ** walls @ table, rate_hz)
        low, high = (middle, high) if found > rt60_s else (low, middle)
    found = _measured(math.sqrt(1.0 - high) ** walls @ table, rate_hz)
    if abs(found - rt60_s) > 0.05 * rt60_s:
        size = " x ".join(f"{one:g}" for one in size_m)
        raise ConfigError(
            f"no absorption gives a room of {size} m a reverberation time of {rt60_s:g} s",
            hint="Ask for a longer time, or a smaller room.",
        )
    return round(high, 5)


def _measured(response: Array, rate_hz: int) -> float:
    """The reverberation time; infinite where the response does not decay far enough."""
    try:
        return rt60_of(response, rate_hz)
    except ConfigError:
        return math.inf
