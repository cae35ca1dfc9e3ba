"""How well are two sounds at the same time taken apart by their directions?

    python separation.py CORPUS [--scenes 60] [--seed 1]

The test scenes of among.py, in every layout, without rooms and in 20 rooms. Of each sound the
scale-invariant signal-to-distortion ratio (SI-SDR; Le Roux et al. 2019, arXiv 1811.02508) to what
the first channel hears of it alone, its reverberation included, in dB: of the mixture, and of the
sound whose direction is the nearest to its own (`harken.audio.space.apart`). Medians, with a 95 %
bootstrap interval over recordings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from among import in_a_room, two_at_once
from azimuth import MICS, ROOMS, heard_in, recordings_of, resampled
from numpy.typing import NDArray

from harken.audio.clip import Clip, ScenePlan
from harken.audio.load import load
from harken.audio.space.apart import taken_apart
from harken.item import Item
from harken.progress import track

Samples = NDArray[np.floating]


def si_sdr(found: Samples, true: Samples) -> float:
    """10 log10 of the energy of the part of `found` that is `true`, over that of the rest."""
    scale = float(found @ true) / max(float(true @ true), 1e-12)
    rest = found - scale * true
    return float(10 * np.log10((np.square(scale * true).sum() + 1e-12) / (rest @ rest + 1e-12)))


def ratios(item: Item) -> list[tuple[float, float]]:
    """Of each sound of a scene: SI-SDR of the mixture, and of the sound taken apart."""
    plan = item.clips[0].plan
    assert plan is not None
    mixed = _rendered(plan)
    found = taken_apart(mixed, plan.layout, plan.mics)
    own = []
    for part in plan.parts:
        true = _rendered(replace(plan, parts=(part,)))[0]
        there = np.array(part.path[0].direction)
        nearest = max(found, key=lambda one, there=there: float(one.direction @ there))
        own.append((si_sdr(mixed[0], true), si_sdr(nearest.samples, true)))
    return own


def _rendered(plan: ScenePlan) -> NDArray[np.float32]:
    return np.atleast_2d(load(Clip("plan", duration_s=plan.duration_s, plan=plan), mono=False))


def told(values: Sequence[float], groups: Sequence[str]) -> str:
    """The median, with an interval over recordings."""
    own = np.array(values)
    low, high = np.percentile([np.median(own[at]) for at in resampled(groups)], [2.5, 97.5])
    return f"{np.median(own):5.1f} dB ({low:.1f} to {high:.1f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    free = two_at_once(recordings_of(given.corpus), "test", given.scenes, given.seed)
    rooms = [in_a_room(item, ROOMS + number % ROOMS) for number, item in enumerate(free)]
    for name, items in (("without rooms", free), ("in rooms", rooms)):
        for layout in ("foa", "hoa2", *MICS):
            own = [ratios(heard_in(item, layout)) for item in track(items, f"{layout} {name}")]
            groups = [item.recordings[0] for item in items for _ in (0, 1)]
            mixed, apart = zip(*(pair for pairs in own for pair in pairs), strict=True)
            print(f"{name:14s} {layout:12s} {told(apart, groups)}, mixed {told(mixed, groups)}")


if __name__ == "__main__":
    main()
