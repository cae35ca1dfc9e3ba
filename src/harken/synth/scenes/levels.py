"""Gains from levels: each source over the background, and the whole below full scale.

Levels are measured from stems, as the listener hears them, so that distance and reflections are
part of them. All gains become constants of the plan, and so any window of the scene can be rendered
alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import ScenePlan
from harken.audio.load import BLOCK_S, mixed
from harken.audio.space.layouts import AMBISONIC
from harken.errors import DataError
from harken.synth.scenes.activity import energy
from harken.synth.scenes.planned import PlannedScene, PlannedSource

WHOLE_S = 60.0
"""Scenes up to this length (s) are kept while their highest peak is looked for."""


def power_of(scene: PlannedScene, source: PlannedSource) -> float:
    """Mean square of a source at unit gain while it is active.

    Raises:
        DataError: nothing is heard of it.
    """
    found = [energy(scene.plan, part) for part in source.parts]
    total, count = sum(own for own, _ in found), sum(n for _, n in found)
    if total <= 0 or not count:
        raise DataError(
            f"nothing is heard of {source.label or source.recording}",
            where=f"recording {source.recording}",
            hint="harken scan names recordings that are silent.",
        )
    return total / count


def background_power(scene: PlannedScene) -> float:
    """Mean square of the background over the whole scene, with the gains of its parts; or 0."""
    numbers = [part for source in scene.of("background") for part in source.parts]
    if not numbers:
        return 0.0
    first_db = scene.plan.parts[numbers[0]].gain_db
    behind = (scene.plan.parts[n] for n in numbers)
    parts = tuple(replace(part, gain_db=round(part.gain_db - first_db, 9)) for part in behind)
    plan = replace(scene.plan, parts=parts, gain_db=0.0)
    known = all(part.clip.sha256 for part in parts)
    found: float = _power(plan) if known else _power.__wrapped__(plan)
    return float(found * 10.0 ** (first_db / 10.0))


@lru_cache(maxsize=64)
def _power(plan: ScenePlan) -> float:
    """Mean square of a whole scene; kept, since it is asked for when planning and for the truth."""
    total = round(plan.duration_s * plan.rate_hz)
    step = round(BLOCK_S * plan.rate_hz)
    mono = plan.layout in ("mono", *AMBISONIC)
    squares = 0.0
    for start in range(0, total, step):
        block = mixed(plan, start, min(start + step, total), mono)
        squares += float(np.sum(block * block)) / block.shape[0]
    return squares / max(1, total)


def levelled(scene: PlannedScene, level_db: float, snr_db: Mapping[int, float]) -> PlannedScene:
    """The scene with gains for its background and for sources that have a level over it.

    Args:
        scene: gains of the parts of these are 0 yet.
        level_db: of the background, RMS in dB of full scale.
        snr_db: number of a source -> its level over the background.

    Raises:
        DataError: the background, or a source, is silent.
    """
    under = background_power(scene)
    gains: dict[int, float] = {}
    for number, source in enumerate(scene.sources):
        if source.kind == "background":
            if under <= 0:
                raise DataError("the background is silent", where=f"recording {source.recording}")
            gain = level_db - _db(under)
        elif number in snr_db:
            gain = level_db + snr_db[number] - _db(power_of(scene, source))
        else:
            continue
        gains |= dict.fromkeys(source.parts, round(gain, 4))
    parts = tuple(
        replace(part, gain_db=gains.get(number, part.gain_db))
        for number, part in enumerate(scene.plan.parts)
    )
    return replace(scene, plan=replace(scene.plan, parts=parts))


def peaked(plan: ScenePlan, peak_db: float) -> tuple[ScenePlan, NDArray[np.float64] | None]:
    """The plan with a gain of the whole by which its highest peak is at most `peak_db`.

    Returns:
        The plan, and the mix before that gain where the scene is short.
    """
    total = round(plan.duration_s * plan.rate_hz)
    mono = plan.layout == "mono"
    whole = mixed(plan, 0, total, mono) if plan.duration_s <= WHOLE_S else None
    if whole is not None:
        peak = max(float(whole.max(initial=0.0)), -float(whole.min(initial=0.0)))
    else:
        step = round(BLOCK_S * plan.rate_hz)
        peak = max(
            float(np.max(np.abs(mixed(plan, start, min(start + step, total), mono)), initial=0.0))
            for start in range(0, max(1, total), step)
        )
    gain_db = min(0.0, peak_db - 20.0 * math.log10(peak)) if peak > 0 else 0.0
    return replace(plan, gain_db=math.floor(gain_db * 1e4) / 1e4), whole


def loudest(levels_db: Sequence[float | None]) -> list[int]:
    """Numbers of sources from the loudest to the softest; those without a level are left out."""
    known = [(-level, n) for n, level in enumerate(levels_db) if level is not None]
    return [n for _, n in sorted(known)]


def _db(power: float) -> float:
    return 10.0 * math.log10(power)
