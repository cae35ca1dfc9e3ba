"""Where sources are, and the room they are in: drawn so that all of them are inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.audio.space.place import Place, Room
from harken.synth.scenes.spec import RoomSpec, Somewhere

NEAREST_M = 0.3
"""A source that moves comes no nearer to the listener than this."""

_TRIES = 64


def draw_room(spec: RoomSpec | None, rng: np.random.Generator) -> Room | None:
    """A room of the declared size and time; `with_absorption` finds that of its walls."""
    if spec is None:
        return None
    size = [one.draw(rng) for one in spec.size]
    at = [round(one.draw(rng) * own, 3) for one, own in zip(spec.listener, size, strict=True)]
    rt60_s = spec.rt60.draw(rng)
    return Room((size[0], size[1], size[2]), (at[0], at[1], at[2]), 0.5, rt60_s)


def with_absorption(room: Room, places: Sequence[Place], rate_hz: int) -> Room:
    """The room with walls that give it its reverberation time, measured at the first place."""
    from harken.audio.space.decay import absorption_for

    found = absorption_for(places[0], room.size_m, room.listener_m, room.rt60_s, rate_hz)
    return Room(room.size_m, room.listener_m, found, room.rt60_s)


def draw_path(
    place: Somewhere | None, to: Somewhere | None, room: Room | None, rng: np.random.Generator
) -> tuple[Place, ...] | None:
    """One place, or two to move between; () for none. None where 64 tries find none inside."""
    if place is None:
        return ()
    for _ in range(_TRIES):
        path = tuple(_one(spec, rng) for spec in (place, to) if spec is not None)
        if room is not None and not all(room.holds(one) for one in path):
            continue
        if len(path) == 1 or _nearest(path) >= NEAREST_M:
            return path
    return None


def _one(spec: Somewhere, rng: np.random.Generator) -> Place:
    azimuth = spec.azimuth.draw(rng)
    turned = round((azimuth + 180.0) % 360.0 - 180.0, 4)
    return Place(turned, spec.elevation.draw(rng), spec.distance.draw(rng))


def _nearest(path: tuple[Place, ...]) -> float:
    first, last = np.array(path[0].metres), np.array(path[-1].metres)
    way = last - first
    share = float(np.clip(-(first @ way) / max(float(way @ way), 1e-12), 0.0, 1.0))
    return float(np.linalg.norm(first + share * way))
