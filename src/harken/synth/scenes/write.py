"""Scenes on disk: their clips, their plans and what is true of them.

``clips/``: FLAC (WAV where a scene has more than eight channels). ``plans.jsonl``: a `PlannedScene`
a line, from which the clip is made again. ``truth.jsonl``: a line a clip: its facts, and what
`SceneTruth` adds. ``scenes.json`` comes last: if it is there, the folder is complete. Before it
there is ``begun.json``, by which a killed run knows that it is the same job, and goes on; and
``units/``, the lines of the scenes that are made, a file a unit of work.

Scenes may be drawn first (`write_plans`: ``plans.jsonl`` and, last, ``planned.json``) and made of
these plans later, in the same folder or in another one (`render_plans`): the bytes are the same.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
)  # fmt: skip
from harken.hashing import canonical, digest
from harken.listed import listed
from harken.parsing import load_json, parse_json, text_lines
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.scenes.kept import (
    BEGUN,
    MARKER,
    PLANNED,
    PLANS,
    TRUTH,
    KeptPlans,
    job_of,
    with_paths,
)
from harken.synth.scenes.planned import VERSION, PlannedScene
from harken.synth.scenes.spec import SceneSpec
from harken.synth.scenes.units import (
    UNITS,
    SceneJob,
    ScenesDrawn,
    lines_of,
    plan_unit,
    write_unit,
)

UNIT_SCENES = 16
"""Scenes in a unit of work."""


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

    Where `write_plans` has drawn the same scenes in the folder, they are made of those plans.

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
    job = _job(pool, count, seed, declared)
    drawn: ScenesDrawn | KeptPlans = ScenesDrawn(spec, pool, seed)
    if (folder / PLANNED).is_file():
        drawn = KeptPlans.of(folder, UNIT_SCENES)
        _require_same(job, job_of(folder), folder)
    return _write(job, drawn, folder, write_unit, MARKER, engine)


def write_plans(
    spec: SceneSpec,
    pool: RecordingPool,
    folder: Path,
    *,
    count: int,
    seed: int,
    declared: Mapping[str, Any],
    engine: WorkEngine | None = None,
) -> dict[str, Any]:
    """Draw the scenes of `write_scenes`, write their plans, and make no clip.

    Levels and peaks become constants of a plan, so every scene is mixed once, in memory.

    Returns:
        What `PLANNED` says: that of `write_scenes`, with the hash of the plans alone.

    Raises:
        DataError, TooManyFailures: as `write_scenes`.
    """
    job = _job(pool, count, seed, declared)
    if (folder / MARKER).is_file():  # its plans are there
        _require_same(job, job_of(folder), folder)
        made: dict[str, Any] = load_json(folder / MARKER)
        return made
    return _write(job, ScenesDrawn(spec, pool, seed), folder, plan_unit, PLANNED, engine)


def render_plans(plans: Path, folder: Path, *, engine: WorkEngine | None = None) -> dict[str, Any]:
    """Make the scenes whose plans are kept in a folder: the bytes of `write_scenes`.

    Args:
        plans: a folder of `write_plans`, or of scenes.
        folder: where to.
        engine: where scenes are made; None: in this process.

    Raises:
        DataError: there are no plans, they are not those that were written, or `folder` holds
            other scenes.
        TooManyFailures: some scenes could not be made.
    """
    kept = KeptPlans.of(plans, UNIT_SCENES)
    return _write(job_of(plans), kept, folder, write_unit, MARKER, engine)


def _job(pool: RecordingPool, count: int, seed: int, declared: Mapping[str, Any]) -> dict[str, Any]:
    """All that the scenes depend on."""
    return {
        "version": VERSION,
        "spec": parse_json(canonical(dict(declared))),
        "seed": seed,
        "count": count,
        "split": pool.split,
        "corpus": fingerprint(pool.recordings),
    }


def _write(
    job: dict[str, Any],
    drawn: ScenesDrawn | KeptPlans,
    folder: Path,
    work: Callable[[SceneJob, WorkUnit], float],
    marker: str,
    engine: WorkEngine | None,
) -> dict[str, Any]:
    """Do the work of all units, join their lines, and write the marker; returns what it says."""
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder, DataError):
        if (folder / marker).is_file():
            done: dict[str, Any] = load_json(folder / marker)
            _require_same(job, {key: done.get(key) for key in job}, folder)
            return done
        if (folder / BEGUN).is_file():
            _require_same(job, load_json(folder / BEGUN), folder)
        write_json(folder / BEGUN, job)
        _sweep(folder)
        digits = max(5, len(str(job["count"] - 1)))
        own = SceneJob(drawn, job["split"], Path(os.path.abspath(folder)), digits)
        files = (PLANS,) if marker == PLANNED else (PLANS, TRUTH)
        seconds = _write_all(job, own, work, files, engine)
        _sweep(folder)  # what workers that were killed left
        done = {
            **job,
            "seconds": round(seconds, 3),
            "files": {name: sha256_of(folder / name) for name in files},
        }
        write_json(folder / marker, done)
        (folder / BEGUN).unlink()
        if marker == MARKER:
            (folder / PLANNED).unlink(missing_ok=True)
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
    return [parse_json(line) for line in text_lines((folder / TRUTH).read_text("utf-8"))]


def read_plans(folder: Path) -> list[PlannedScene]:
    """The scenes of ``plans.jsonl``, with paths of recordings as they are from here.

    Raises:
        DataError: the folder is not complete.
    """
    _require_complete(folder)
    lines = text_lines((folder / PLANS).read_text("utf-8"))
    return [
        with_paths(PlannedScene.from_dict(parse_json(line)), folder, live=True) for line in lines
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


def _write_all(
    job: Mapping[str, Any],
    own: SceneJob,
    work: Callable[[SceneJob, WorkUnit], float],
    files: tuple[str, ...],
    engine: WorkEngine | None,
) -> float:
    """All scenes, those of units that are not there yet made; the seconds of all."""
    task = UnitTask(digest(canonical([work.__name__, dict(job)]), 32), work, own)
    count = job["count"]
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
    for name in files:
        with part_of(own.folder / name).open("wb") as file:
            for unit in units:
                made = load_json(lines_of(own.folder, unit.name(task)))
                file.write("".join(made[name]).encode())
        settle(own.folder / name)
    return sum(seconds[place] for place in sorted(seconds))


def _named(task: UnitTask, unit: WorkUnit) -> WorkUnit:
    """The unit with the name of its file beside its scenes."""
    return replace(unit, value=(*unit.value, unit.name(task)))
