"""Places of sources as heard from the listener, and rooms.

Directions are those of ambisonics and SOFA: x is front, y left, z up; azimuth counts from the front
to the left, elevation from the horizon up, both in degrees; distances are metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harken.errors import AudioError

SPEED_M_S = 343.0
"""Speed of sound in air at 20 °C."""

NEAREST_M = 0.1
"""Sources are no nearer than this, in metres: their level grows with the inverse distance."""


@dataclass(frozen=True, slots=True)
class Place:
    """A direction (degrees) and a distance (metres) from the listener."""

    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0
    distance_m: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no place."""
        values = (self.azimuth_deg, self.elevation_deg, self.distance_m)
        if not all(map(math.isfinite, values)) or self.distance_m < NEAREST_M:
            raise AudioError(
                "bad-plan", f"a source at {values}", hint=f"Put it {NEAREST_M} m away or farther."
            )
        if abs(self.elevation_deg) > 90:
            raise AudioError("bad-plan", f"an elevation of {self.elevation_deg:g} degrees")

    @property
    def direction(self) -> tuple[float, float, float]:
        """The unit vector to it: front, left, up."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        level = math.cos(elevation)
        return level * math.cos(azimuth), level * math.sin(azimuth), math.sin(elevation)

    @property
    def metres(self) -> tuple[float, float, float]:
        """Its position relative to the listener, in metres: front, left, up."""
        x, y, z = self.direction
        return x * self.distance_m, y * self.distance_m, z * self.distance_m

    def to_list(self) -> list[float]:
        """Azimuth, elevation and distance."""
        return [self.azimuth_deg, self.elevation_deg, self.distance_m]


def place_at(front: float, left: float, up: float) -> Place:
    """The place of a position relative to the listener, in metres."""
    distance = math.sqrt(front * front + left * left + up * up)
    if distance < NEAREST_M:
        raise AudioError("bad-plan", f"a source {distance:g} m from the listener")
    return Place(
        math.degrees(math.atan2(left, front)),
        math.degrees(math.asin(max(-1.0, min(1.0, up / distance)))),
        distance,
    )


def between(path: Sequence[Place], share: float) -> Place:
    """Where a source is that moves in a straight line at an even speed, after a share of its time.

    One place is where it stays.
    """
    first, last = path[0].metres, path[-1].metres
    if len(path) == 1 or share <= 0.0:
        return path[0]
    if share >= 1.0:
        return path[-1]
    front, left, up = (a + (b - a) * share for a, b in zip(first, last, strict=True))
    return place_at(front, left, up)


@dataclass(frozen=True, slots=True)
class Room:
    """A rectangular room with the same absorption on all walls.

    Attributes:
        size_m: its length (front to back), width and height.
        listener_m: where the listener is, from the corner at the back, on the right, on the floor.
        absorption: share of the energy that a wall takes away, the same at all frequencies.
        rt60_s: the reverberation time that `absorption` was measured to give.
    """

    size_m: tuple[float, float, float]
    listener_m: tuple[float, float, float]
    absorption: float
    rt60_s: float

    def __post_init__(self) -> None:
        """Refuse a room that cannot be."""
        inside = all(0 < at < size for at, size in zip(self.listener_m, self.size_m, strict=True))
        if not inside or not 0 < self.absorption < 1 or not 0 < self.rt60_s <= 10:
            raise AudioError("bad-plan", f"an impossible room: {self.to_dict()}")

    def holds(self, place: Place) -> bool:
        """Whether a place is inside the room."""
        at = (here + away for here, away in zip(self.listener_m, place.metres, strict=True))
        return all(0 < one < size for one, size in zip(at, self.size_m, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "size_m": list(self.size_m),
            "listener_m": list(self.listener_m),
            "absorption": self.absorption,
            "rt60_s": self.rt60_s,
        }

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Room:
        """The inverse of `to_dict`."""
        size, at = tuple(raw["size_m"]), tuple(raw["listener_m"])
        return Room(size, at, raw["absorption"], raw["rt60_s"])
