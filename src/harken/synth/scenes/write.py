"""Scenes on disk: their clips, their plans and what is true of them.

``clips/``: FLAC (WAV where a scene has more than eight channels). ``plans.jsonl``: a `PlannedScene`
a line, from which the clip is made again. ``truth.jsonl``: a line a clip: its facts, and what
`SceneTruth` adds. ``scenes.json`` comes last: if it is there, the folder is complete. Before it
there is ``begun.json``, by which a killed run knows that it is the same job, and goes on; and
``units/``, the lines of the scenes that are made, a file a unit of work.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import ScenePlan
from harken.audio.codec import FLAC_CHANNELS, Samples, encode
from harken.audio.load import blocks
from harken.audio.stems import scene_channels
from harken.audio.written import write_blocks
from harken.engines.base import UnitTask, WorkEngine, WorkUnit
from harken.engines.run import engine_or_here, forget_failures, run_units
from harken.errors import DataError
from harken.files import (
    differences,
    held,
    part_of,
    settle,
    sha256_of,
    sweep,
    write_json,
    write_whole,
)  # fmt: skip
from harken.hashing import canonical, digest, seal_fits, sealed
from harken.listed import listed
from harken.parsing import load_json, parse_json
from harken.shards.schema import live_path, map_paths, stored_path
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.scenes.compose import SceneKey, compose
from harken.synth.scenes.levels import peaked
from harken.synth.scenes.planned import VERSION, PlannedScene
from harken.synth.scenes.spec import SceneSpec
from harken.synth.scenes.truth import SceneTruth, truth_of

MARKER = "scenes.json"
BEGUN = "begun.json"
TRUTH, PLANS = "truth.jsonl", "plans.jsonl"
UNITS = "units"
UNIT_SCENES = 16
"""Scenes in a unit of work."""


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


def write_scenes(
    spec: SceneSpec,
    pool: RecordingPool,
    folder: Path,
    *,
    count: int,
    seed: int,
    declared: Mapping[str, Any],
    engine: WorkEngine | None = None,
) -> dict[str, Any]:
    """Write `count` scenes of the recordings of one split; a killed run goes on where it stopped.

    Args:
        spec: the declaration.
        pool: the recordings.
        folder: where to.
        count: how many.
        seed: of all draws.
        declared: the values that the declaration was read from, which are kept.
        engine: where scenes are made; None: in this process.

    Returns:
        What `MARKER` says: scenes, seconds, declaration, recordings, seed, hashes.

    Raises:
        DataError: the folder holds other scenes.
        TooManyFailures: some scenes could not be made (none fits, or a recording cannot be
            decoded); all others are, and a run of the same job makes what is missing.
    """
    job = {
        "version": VERSION,
        "spec": parse_json(canonical(dict(declared))),
        "seed": seed,
        "count": count,
        "split": pool.split,
        "corpus": fingerprint(pool.recordings),
    }
    clips = folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    with held(folder, DataError):
        if (folder / MARKER).is_file():
            done: dict[str, Any] = load_json(folder / MARKER)
            _require_same(job, {key: done.get(key) for key in job}, folder)
            return done
        if (folder / BEGUN).is_file():
            _require_same(job, load_json(folder / BEGUN), folder)
        write_json(folder / BEGUN, job)
        _sweep(folder)
        digits = max(5, len(str(count - 1)))
        own = _SceneJob(spec, pool, Path(os.path.abspath(folder)), seed, digits)
        seconds = _write_all(job, own, count, engine)
        _sweep(folder)  # what workers that were killed left
        done = {
            **job,
            "seconds": round(seconds, 3),
            "files": {name: sha256_of(folder / name) for name in (PLANS, TRUTH)},
        }
        write_json(folder / MARKER, done)
        (folder / BEGUN).unlink()
        shutil.rmtree(folder / UNITS, ignore_errors=True)
    return done


def _sweep(folder: Path) -> None:
    for place in (folder, folder / "clips", folder / UNITS):
        sweep(place)


def read_truth(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``truth.jsonl``.

    Raises:
        DataError: the folder is not complete.
    """
    _require_complete(folder)
    return [parse_json(line) for line in (folder / TRUTH).read_text("utf-8").splitlines()]


def read_plans(folder: Path) -> list[PlannedScene]:
    """The scenes of ``plans.jsonl``, with paths of recordings as they are from here.

    Raises:
        DataError: the folder is not complete.
    """
    _require_complete(folder)
    lines = (folder / PLANS).read_text("utf-8").splitlines()
    return [
        _with_paths(PlannedScene.from_dict(parse_json(line)), folder, live=True) for line in lines
    ]


def _require_complete(folder: Path) -> None:
    if not (folder / MARKER).is_file():
        raise DataError(
            f"there is no {MARKER}", where=str(folder), hint="harken scene makes such folders."
        )


def _require_same(job: dict[str, Any], found: dict[str, Any], folder: Path) -> None:
    if other := differences(found, job):
        raise DataError(
            f"the folder holds other scenes: {listed(other, 5, between='; ')}",
            where=str(folder),
            hint="Choose another folder.",
        )


@dataclass(frozen=True, slots=True)
class _SceneJob:
    """What workers know of a job; `folder` is absolute."""

    spec: SceneSpec
    pool: RecordingPool
    folder: Path
    seed: int
    digits: int


def _write_all(
    job: Mapping[str, Any], own: _SceneJob, count: int, engine: WorkEngine | None
) -> float:
    """All scenes, those of units that are not there yet made; the seconds of all."""
    task = UnitTask(digest(canonical(dict(job)), 32), write_unit, own)
    units = [
        WorkUnit(f"scenes from {start}", (start, stop), stop - start)
        for start in range(0, count, UNIT_SCENES)
        for stop in (min(start + UNIT_SCENES, count),)
    ]
    seconds: dict[int, float] = {}
    forget_failures(own.folder)
    with engine_or_here(engine) as engaged:
        run_units(
            task, [_named(task, unit) for unit in units], engaged,
            f"scenes, {UNIT_SCENES} at a time", take=seconds.__setitem__, folder=own.folder,
        ).raise_any()  # fmt: skip
    for name in (PLANS, TRUTH):
        with part_of(own.folder / name).open("wb") as file:
            for unit in units:
                made = load_json(_lines_of(own.folder, unit.name(task)))
                file.write("".join(made[name]).encode())
        settle(own.folder / name)
    return sum(seconds[place] for place in sorted(seconds))


def _named(task: UnitTask, unit: WorkUnit) -> WorkUnit:
    """The unit with the name of its file beside its scenes."""
    return replace(unit, value=(*unit.value, unit.name(task)))


def _lines_of(folder: Path, name: str) -> Path:
    return folder / UNITS / f"{name}.json"


def write_unit(own: _SceneJob, unit: WorkUnit) -> float:
    """Write the clips of a unit, then its lines, unless these are there; returns its seconds.

    Raises:
        DataError: a scene does not fit.
        AudioError: a recording cannot be decoded.
    """
    start, stop, name = unit.value
    path = _lines_of(own.folder, name)
    if path.is_file() and seal_fits(made := load_json(path)):
        return float(made["seconds"])
    plans, truths, seconds = [], [], 0.0
    for index in range(start, stop):
        scene, samples = make_scene(own.spec, own.pool, SceneKey(own.seed, index))
        file = _write_clip(own.folder, f"clips/{index:0{own.digits}}", scene.plan, samples)
        truth = truth_of(scene)
        row = _row(file, own.pool.split, scene, truth)
        plans.append(_line(_with_paths(scene, own.folder).to_dict()))
        truths.append(_line(row))
        seconds += float(row["facts"]["duration_s"])
    path.parent.mkdir(exist_ok=True)
    write_json(path, sealed({"seconds": seconds, PLANS: plans, TRUTH: truths}))
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


def _with_paths(scene: PlannedScene, folder: Path, *, live: bool = False) -> PlannedScene:
    """The scene with paths relative to its folder, or with `live` as they are from here."""
    root = Path(os.path.abspath(folder))

    def change(path: str) -> str:
        return live_path(path, root) if live else stored_path(path, root)

    parts = tuple(replace(part, clip=map_paths(part.clip, change)) for part in scene.plan.parts)
    plan: ScenePlan = replace(scene.plan, parts=parts)
    return replace(scene, plan=plan)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
