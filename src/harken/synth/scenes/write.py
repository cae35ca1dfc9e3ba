"""Scenes on disk: their clips, their plans and what is true of them.

``clips/``: FLAC (WAV where a scene has more than eight channels). ``plans.jsonl``: a `PlannedScene`
a line, from which the clip is made again. ``truth.jsonl``: a line a clip: its facts, and what
`SceneTruth` adds. ``scenes.json`` comes last: if it is there, the folder is complete. Before it
there is ``begun.json``, by which a killed run knows that it is the same job, and goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import ScenePlan
from harken.audio.codec import FLAC_CHANNELS, Samples, encode
from harken.audio.load import blocks
from harken.audio.stems import scene_channels
from harken.audio.written import write_blocks
from harken.errors import DataError
from harken.files import differences, held, part_of, settle, sha256_of, write_json, write_whole
from harken.hashing import canonical
from harken.listed import listed
from harken.parsing import drop_partial_line, load_json, parse_json
from harken.progress import track
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
) -> dict[str, Any]:
    """Write `count` scenes of the recordings of one split; a killed run goes on where it stopped.

    Args:
        spec: the declaration.
        pool: the recordings.
        folder: where to.
        count: how many.
        seed: of all draws.
        declared: the values that the declaration was read from, which are kept.

    Returns:
        What `MARKER` says: scenes, seconds, declaration, recordings, seed, hashes.

    Raises:
        DataError: the folder holds other scenes, or a scene does not fit.
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
        seconds = _write_all(spec, pool, folder, count, seed)
        done = {
            **job,
            "seconds": round(seconds, 3),
            "files": {name: sha256_of(folder / name) for name in (PLANS, TRUTH)},
        }
        write_json(folder / MARKER, done)
        (folder / BEGUN).unlink()
    return done


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


def _write_all(spec: SceneSpec, pool: RecordingPool, folder: Path, count: int, seed: int) -> float:
    """All scenes that are not there yet; the seconds of all."""
    plans, truths = (part_of(folder / name) for name in (PLANS, TRUTH))
    written = 0
    if not (folder / PLANS).is_file():
        for path in (plans, truths):
            path.touch()
            drop_partial_line(path)
        written = min(_lines(plans), _lines(truths))
        for path in (plans, truths):
            _keep(path, written)
        digits = max(5, len(str(count - 1)))
        with plans.open("a", encoding="utf-8") as told, truths.open("a", encoding="utf-8") as true:
            for index in track(range(written, count), "scenes"):
                scene, samples = make_scene(spec, pool, SceneKey(seed, index))
                name = _write_clip(folder, f"clips/{index:0{digits}}", scene.plan, samples)
                row = _row(name, pool.split, scene, truth_of(scene))
                _append(told, _with_paths(scene, folder).to_dict())
                _append(true, row)
        settle(folder / PLANS)
    if not (folder / TRUTH).is_file():
        settle(folder / TRUTH)
    with (folder / TRUTH).open(encoding="utf-8") as file:
        return sum(float(parse_json(line)["facts"]["duration_s"]) for line in file)


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


def _append(file: Any, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    file.flush()


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _keep(path: Path, count: int) -> None:
    """Cut all lines after the first `count`."""
    with path.open("rb+") as file:
        for _ in range(count):
            file.readline()
        file.truncate(file.tell())
