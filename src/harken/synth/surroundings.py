"""Backgrounds and rooms for staged scenes, added to what a family has drawn.

What is asked, and the events, are those of the same item without surroundings: what is drawn here
has random numbers of its own. A background is of a sound that no text of the item names, and with
which no name in it could be confused. In a room every event has a place; one that had none gets
one, at a level that makes up for its distance. The gain of the whole is measured on the rendered
scene and becomes a constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ, ScenePlan
from harken.audio.space.place import Place, Room
from harken.corpora.base import Recording
from harken.errors import DataError
from harken.hashing import canonical
from harken.synth.pool import RecordingPool
from harken.synth.question import Picks
from harken.synth.scenes.draws import Distribution
from harken.synth.scenes.levels import background_power, peaked
from harken.synth.scenes.places import draw_path, draw_room, with_absorption
from harken.synth.scenes.planned import PlannedScene, PlannedSource
from harken.synth.scenes.spec import Background, RoomSpec, Somewhere, Surroundings
from harken.synth.staged import JOIN_S, PEAK_DB, background_parts, staged

ANYWHERE = Somewhere(
    azimuth=Distribution("uniform", (-180.0, 180.0)), distance=Distribution("uniform", (0.8, 2.0))
)
"""Where events without a place are in a room."""

MEASURED_S = 60.0
"""The level of a background is that of its first minute at most."""

TRIES = 16
"""Recordings that are tried for a background."""


def surrounded(
    wanted: Surroundings, picks: Picks, pool: RecordingPool, rng: np.random.Generator
) -> Picks | None:
    """The picks of an item with a background and a room for each of its scenes.

    Items without staged scenes are as they were.

    Returns:
        None where a place is outside the room or no recording can be the background.

    Raises:
        DataError: a label of the background that the recordings do not have.
        AudioError: a recording cannot be decoded, or a room cannot be.
    """
    values = picks.values
    scenes = values.get("scenes") or [values[key] for key in ("scene",) if key in values]
    if not scenes:
        return picks
    found, recordings, at = [], list[Recording](), 0
    for scene in scenes:
        own = list(picks.recordings[at : at + len(scene["events"])])
        at += len(own)
        more = dict(scene)
        if wanted.background is not None:
            taken = (*picks.recordings, *recordings)
            behind = _background(more, wanted.background, pool, taken, canonical(values), rng)
            if behind is None:
                return None
            own.append(behind)
        if wanted.room is not None and not _in_room(more, wanted.room, rng):
            return None
        clip, _ = staged({**more, "gain_db": 0.0}, own)
        assert clip.plan is not None
        plan, _ = peaked(clip.plan, PEAK_DB)
        more["gain_db"] = plan.gain_db
        found.append(more)
        recordings += own
    key = {"scenes": found} if "scenes" in values else {"scene": found[0]}
    return Picks(tuple(recordings), {**values, **key})


def _in_room(scene: dict[str, Any], spec: RoomSpec, rng: np.random.Generator) -> bool:
    """Put a scene into a room; False where one of its events would be outside."""
    room = draw_room(spec, rng)
    assert room is not None
    rows = []
    for row in scene["events"]:
        path = tuple(Place(*place) for place in row["path"])
        gain_db = row["gain_db"]
        if not path:
            drawn = draw_path(ANYWHERE, None, room, rng)
            if drawn is None:
                return False
            path = drawn
            gain_db = round(gain_db + 20.0 * math.log10(path[0].distance_m), 4)
        if not all(room.holds(place) for place in path):
            return False
        rows.append({**row, "path": [place.to_list() for place in path], "gain_db": gain_db})
    first = Place(*rows[0]["path"][0])
    own: Room = with_absorption(room, [first], RATE_HZ)
    scene["events"], scene["room"] = rows, own.to_dict()
    return True


def _background(
    scene: dict[str, Any],
    spec: Background,
    pool: RecordingPool,
    taken: Sequence[Recording],
    told: str,
    rng: np.random.Generator,
) -> Recording | None:
    """Choose a recording behind a scene, and write its level and gain down; None if none fits."""
    topic = pool.lone_sounds
    for label in spec.labels:
        if label not in topic.members:
            raise DataError(
                f"no recording of split {pool.split!r} has the label {label!r} alone",
                hint=f"Known: {list(topic.names)[:20]}",
            )
    named = [name for name in topic.names if name in told]
    free = [
        name
        for name in (spec.labels or topic.names)
        if not any(topic.clash(name, other) for other in named)
    ]
    used = {recording.id for recording in taken}
    level_db = spec.level.draw(rng)
    for _ in range(TRIES if free else 0):
        members = topic.members[free[int(rng.integers(len(free)))]]
        recording = members[int(rng.integers(len(members)))]
        length_s = recording.clip.duration_s or 0.0
        if recording.id in used or length_s <= 4 * JOIN_S:
            continue
        power = _power(scene, recording)
        if power > 0:
            gain_db = round(level_db - 10.0 * math.log10(power), 4)
            scene["background"] = {"level_db": level_db, "gain_db": gain_db}
            return recording
    return None


def _power(scene: Mapping[str, Any], recording: Recording) -> float:
    """Mean square of a background at unit gain."""
    length_s = min(scene["duration_s"], MEASURED_S)
    parts = tuple(background_parts(recording, length_s, 0.0))
    plan = ScenePlan(parts, length_s, gain_db=0.0, layout=scene["layout"])
    source = PlannedSource("background", tuple(range(len(parts))), recording.id)
    return background_power(PlannedScene(plan, (source,)))
