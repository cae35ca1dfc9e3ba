"""The work of a unit of scenes: drawn or read, rendered and encoded with their truth, or drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import ScenePlan
from harken.audio.codec import FLAC_CHANNELS, Samples, encode
from harken.audio.load import blocks, render
from harken.audio.stems import scene_channels
from harken.audio.written import write_blocks
from harken.engines.base import WorkUnit
from harken.files import write_json, write_whole
from harken.hashing import seal_fits, sealed
from harken.parsing import load_json
from harken.synth.pool import RecordingPool
from harken.synth.scenes.compose import SceneKey, compose
from harken.synth.scenes.kept import PLANS, TRUTH, KeptPlans, with_paths
from harken.synth.scenes.levels import WHOLE_S, peaked
from harken.synth.scenes.planned import PlannedScene
from harken.synth.scenes.spec import SceneSpec
from harken.synth.scenes.truth import SceneTruth, truth_of

UNITS = "units"


def make_scene(
    spec: SceneSpec, pool: RecordingPool, key: SceneKey
) -> tuple[PlannedScene, Samples | None]:
    """Draw one scene and render it: a pure function of the arguments.

    Returns:
        The scene with all its gains, and its samples, (channels, n); None where it is longer than
        `harken.synth.scenes.levels.WHOLE_S`, and to be rendered in blocks.

    Raises:
        DataError: no scene fits (`compose`).
        AudioError: a recording cannot be decoded.
    """
    scene = compose(spec, pool, key)
    plan, mix = peaked(scene.plan, spec.peak)
    scene = replace(scene, plan=plan)
    if mix is None:
        return scene, None
    # What `render` does with the mix.
    return scene, (mix * 10.0 ** ((plan.gain_db or 0.0) / 20.0)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ScenesDrawn:
    """Scenes that are drawn when they are made.

    Attributes:
        spec: the declaration.
        pool: the recordings.
        seed: of all draws.
    """

    spec: SceneSpec
    pool: RecordingPool
    seed: int

    def scenes(self, start: int, stop: int) -> Iterator[tuple[PlannedScene, Samples | None]]:
        """Scenes `start` to `stop`, as `make_scene` gives them."""
        for index in range(start, stop):
            yield make_scene(self.spec, self.pool, SceneKey(self.seed, index))


@dataclass(frozen=True, slots=True)
class SceneJob:
    """What workers know of a job; `folder` is absolute."""

    drawn: ScenesDrawn | KeptPlans
    split: str
    folder: Path
    digits: int

    def scenes(self, start: int, stop: int) -> Iterator[tuple[PlannedScene, Samples | None]]:
        """Scenes with their samples; without those of scenes that are rendered in blocks."""
        if isinstance(self.drawn, ScenesDrawn):
            yield from self.drawn.scenes(start, stop)
            return
        for scene in self.drawn.scenes(start, stop):
            whole = scene.plan.duration_s <= WHOLE_S
            yield scene, render(scene.plan, mono=scene.plan.layout == "mono") if whole else None


def lines_of(folder: Path, name: str) -> Path:
    """The file with the lines of a unit's scenes."""
    return folder / UNITS / f"{name}.json"


def write_unit(own: SceneJob, unit: WorkUnit) -> float:
    """Write the clips of a unit, then its lines, unless these are there; returns its seconds.

    Raises:
        DataError: a scene does not fit.
        AudioError: a recording cannot be decoded.
    """
    start, stop, name = unit.value
    path = lines_of(own.folder, name)
    if path.is_file() and seal_fits(made := load_json(path)):
        return float(made["seconds"])
    (own.folder / "clips").mkdir(exist_ok=True)
    plans, truths, seconds = [], [], 0.0
    for index, (scene, samples) in enumerate(own.scenes(start, stop), start):
        file = _write_clip(own.folder, f"clips/{index:0{own.digits}}", scene.plan, samples)
        truth = truth_of(scene)
        row = _row(file, own.split, scene, truth)
        plans.append(_line(with_paths(scene, own.folder).to_dict()))
        truths.append(_line(row))
        seconds += float(row["facts"]["duration_s"])
    path.parent.mkdir(exist_ok=True)
    write_json(path, sealed({"seconds": seconds, PLANS: plans, TRUTH: truths}))
    return seconds


def plan_unit(own: SceneJob, unit: WorkUnit) -> float:
    """Write the plans of a unit, unless they are there; returns its seconds.

    Raises:
        DataError: a scene does not fit.
        AudioError: a recording cannot be decoded.
    """
    start, stop, name = unit.value
    path = lines_of(own.folder, name)
    if path.is_file() and seal_fits(made := load_json(path)):
        return float(made["seconds"])
    scenes = [scene for scene, _ in own.scenes(start, stop)]
    plans = [_line(with_paths(scene, own.folder).to_dict()) for scene in scenes]
    seconds = sum(scene.plan.duration_s for scene in scenes)
    path.parent.mkdir(exist_ok=True)
    write_json(path, sealed({"seconds": seconds, PLANS: plans}))
    return seconds


def _write_clip(folder: Path, name: str, plan: ScenePlan, samples: Samples | None) -> str:
    """Write a clip, in blocks where there are no samples yet; returns its name with the suffix."""
    channels = 1 if plan.layout == "mono" else scene_channels(plan)
    format = "WAV" if channels > FLAC_CHANNELS else "FLAC"
    name = f"{name}.{format.lower()}"
    if samples is None:
        pieces = blocks(plan, mono=plan.layout == "mono")
        write_blocks(folder / name, pieces, plan.rate_hz, channels, format)
    else:
        write_whole(folder / name, encode(samples, plan.rate_hz, format))
    return name


def _row(name: str, split: str, scene: PlannedScene, truth: SceneTruth) -> dict[str, Any]:
    licences = sorted({source.licence for source in scene.sources if source.licence})
    return {
        "file": name,
        "split": split,
        **truth.to_dict(),
        "recordings": list(dict.fromkeys(source.recording for source in scene.sources)),
        "licence": " + ".join(licences),
    }


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
