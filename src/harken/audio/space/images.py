"""Sounds that arrive from a source: directly, and by the walls of a rectangular room.

Rooms are those of the image source method (Allen and Berkley: "Image method for efficiently
simulating small-room acoustics", J. Acoust. Soc. Am. 65, 1979). The images are laid out by
`pyroomacoustics`; how loud they are, and what channels hear of them, is ours. Its ray tracing is
not used: it has no seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.place import SPEED_M_S, Place, Room
from harken.errors import AudioError, ConfigError

Array = NDArray[np.float64]

MOST_IMAGES = 6_000_000
"""A room with more images is refused: their number grows with the cube of the time."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrives at the listener, the direct sound first.

    Attributes:
        positions: where it seems to come from, relative to the listener in metres, (n, 3).
        bounces: walls it was reflected by, (n,).
        reflection: share of the pressure that each wall leaves.
    """

    positions: Array
    bounces: NDArray[np.int64]
    reflection: float

    def seen_from(self, x: float, y: float, z: float) -> tuple[Array, Array, Array]:
        """From a position relative to the listener: unit vectors (n, 3), distances (n,), levels.

        Levels are those of a pressure of 1 at a distance of one metre.
        """
        away = self.positions - np.array([x, y, z])
        distances = np.maximum(np.sqrt((away * away).sum(axis=1)), 1e-3)
        left = self.reflection ** np.arange(int(self.bounces.max()) + 1)
        levels = left[self.bounces] / distances
        return away / distances[:, None], distances, levels


def arrivals(place: Place, room: Room | None) -> Arrivals:
    """What arrives from a place, in a room or without reflections.

    Raises:
        AudioError: ``bad-plan``: the place is outside the room.
        ConfigError: pyroomacoustics is not installed, or the room has over `MOST_IMAGES`.
    """
    direct = np.array([place.metres])
    if room is None:
        return Arrivals(direct, np.zeros(1, np.int64), 0.0)
    positions, bounces = room_images(place, room.size_m, room.listener_m, room.rt60_s)
    return Arrivals(positions, bounces, math.sqrt(1.0 - room.absorption))


@lru_cache(maxsize=8)
def room_images(
    place: Place,
    size_m: tuple[float, float, float],
    listener_m: tuple[float, float, float],
    rt60_s: float,
) -> tuple[Array, NDArray[np.int64]]:
    """All images that arrive within a reverberation time after the direct sound.

    Returns:
        Positions relative to the listener, (n, 3), the source itself first, and the number of walls
        each was reflected by, (n,). Both are shared and must not be changed.
    """
    source = np.array(listener_m) + np.array(place.metres)
    if not all(0 < at < size for at, size in zip(source, size_m, strict=True)):
        at = ", ".join(f"{one:.2f}" for one in source)
        raise AudioError("bad-plan", f"a source at {at} m is outside a room of {size_m} m")
    farthest = place.distance_m + rt60_s * SPEED_M_S
    order = math.ceil(farthest * math.sqrt(sum(1.0 / (size * size) for size in size_m)))
    count = 4 * order**3 // 3
    if count > MOST_IMAGES:
        size = " x ".join(f"{one:g}" for one in size_m)
        raise ConfigError(
            f"a room of {size} m with a reverberation time of {rt60_s:g} s has {count:,} images, "
            f"over {MOST_IMAGES:,}",
            hint="Ask for a shorter time, or a larger room.",
        )
    library = _library()
    box = library.ShoeBox(
        list(size_m), fs=16_000, max_order=order, air_absorption=False, ray_tracing=False
    )
    box.add_source(list(source))
    box.add_microphone(list(listener_m))
    box.image_source_model()
    images = np.asarray(box.sources[0].images, np.float64).T - np.array(listener_m)
    bounces = np.asarray(box.sources[0].orders, np.int64)
    distances = np.sqrt((images * images).sum(axis=1))
    kept = np.flatnonzero((distances <= farthest) & (bounces > 0))
    kept = np.concatenate([np.flatnonzero(bounces == 0), kept])
    found = images[kept]
    found[0] = place.metres  # as given, not rounded to the library's single precision
    found.setflags(write=False)
    walls = bounces[kept]
    walls.setflags(write=False)
    return found, walls


def _library() -> Any:
    try:
        import pyroomacoustics
    except ImportError:
        raise ConfigError(
            "rooms need pyroomacoustics, which is not installed",
            hint="pip install 'harken[rooms]'",
        ) from None
    return pyroomacoustics
