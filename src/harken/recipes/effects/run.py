"""Run a study: arms x seeds, each a run of its own, resumed after a kill at any point.

::

    <out>/ground/                         what all studies share (`harken.recipes.effects.ground`)
    <out>/<study>/plan.json               arms, lessons and exams, in numbers
    <out>/<study>/seed-0/stages/<key>/    lessons: what arms begin with alike is trained once
    <out>/<study>/seed-0/<arm>/           a run: lines.jsonl, one item of an exam a line
    <out>/<study>/results.json            of all runs that are done; written after each seed

All arms of a seed come before the next seed, so that what is done can be compared at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken import progress
from harken.errors import ConfigError, RunError
from harken.files import write_json
from harken.item import items_digest
from harken.models.learner import Learner, load_learner
from harken.parsing import load_json
from harken.recipes.effects.ground import Ground, prepare
from harken.recipes.effects.registry import EFFECTS
from harken.recipes.effects.results import ArmRun, summarised
from harken.recipes.effects.study import (
    Arm,
    Lesson,
    Study,
    StudyPlan,
    lesson_key,
)
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train.determinism import deterministic

Json = dict[str, Any]


def run_effect(
    name: str,
    out: Path,
    *,
    seeds: int = 5,
    size: str = "full",
    model: str = "",
    corpus: Path | None = None,
) -> Json:
    """Run a study in a folder, or go on with it; returns what ``results.json`` holds.

    Args:
        name: in `harken.recipes.effects.registry.EFFECTS`.
        out: the folder of all studies; several share what they begin with.
        seeds: of each arm, 0 to seeds - 1.
        size: ``full`` or ``smoke``.
        model: a preset, which is trained first, or a saved model; empty: that of the study.
        corpus: labelled recordings; None: the starter corpus.

    Raises:
        ConfigError: no study has that name, or fewer than one seed.
        RunError: the folder has runs with other settings.
    """
    study: Study = EFFECTS.get(name)
    if seeds < 1:
        raise ConfigError(f"seeds is {seeds}", hint="Give the number of seeds, 1 or more.")
    model = model or study.model
    ground = (study.ground or prepare)(out, size=size, model=model, corpus=corpus)
    plan = study.build(ground)
    folder = out / study.name
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "plan.json", _told(study, plan, ground, model))
    for seed in range(seeds):
        for arm in plan.arms:
            _run_arm(study, plan, arm, seed, ground, folder)
        write_json(folder / "results.json", found := results_of(name, out))
    return found


def results_of(name: str, out: Path) -> Json:
    """The results of all finished runs of a study in a folder; nothing is trained or asked.

    Raises:
        RunError: the study was never begun there, or a run is damaged.
    """
    study: Study = EFFECTS.get(name)
    folder = out / study.name
    try:
        told = load_json(folder / "plan.json")
    except (OSError, ValueError) as error:
        raise RunError(
            f"there is no plan of the study {name} ({error})",
            where=str(folder),
            hint=f"Begin it: harken effect {name} -o {out}",
        ) from error
    runs = []
    for path in sorted(folder.glob("seed-*/*/done.json")):
        run = read_run(path.parent)
        runs.append(ArmRun(run.spec["arm"], run.spec["seed"], run.records("lines")))
    return {**told, **summarised(study.claims, told, runs)}


def _run_arm(
    study: Study, plan: StudyPlan, arm: Arm, seed: int, ground: Ground, folder: Path
) -> None:
    """Train one arm with one seed, and let it sit all exams; a finished run is left as it is."""
    lessons = [replace(one, settings=replace(one.settings, seed=seed)) for one in arm.lessons]
    home = folder / f"seed-{seed}"
    spec = {
        "kind": "effect",
        "arm": arm.name,
        "seed": seed,
        "start": ground.identity,
        "lessons": [lesson_key("", lesson) for lesson in lessons],
        "exams": {one.name: [list(one.conditions), items_digest(one.items)] for one in plan.exams},
    }
    with Run.open(home / arm.name, spec) as run:
        if run.done:
            return
        progress.note(f"{folder.name}: arm {arm.name}, seed {seed}")
        run.truncate("lines", 0)  # an exam is taken whole
        if not lessons and (known := _untrained(arm, seed, spec, folder)):
            run.append("lines", known)
        else:
            taught = (study.teach or _taught)(ground, lessons, home / "stages")
            with deterministic(1):
                for exam in plan.exams:
                    run.append("lines", list(exam.ask(taught, exam)))
        run.finish()


def _taught(ground: Ground, lessons: Sequence[Lesson], stages: Path) -> Learner:
    """The start of the ground after some stages of training."""
    learner = load_learner(ground.start)
    at = ground.identity
    for lesson in lessons:
        at = lesson_key(at, lesson)
        settings: Any = lesson.settings
        run_stage(lesson.stage, learner, lesson.items, settings, stages / at[:16])
    return learner


def _untrained(arm: Arm, seed: int, spec: Json, folder: Path) -> list[Json]:
    """The lines of another seed of an arm without lessons: no seed changes its model."""
    for path in sorted(folder.glob(f"seed-*/{arm.name}/done.json")):
        run = read_run(path.parent)
        if {**run.spec, "seed": seed} == spec:
            return run.records("lines")
    return []


def _told(study: Study, plan: StudyPlan, ground: Ground, model: str) -> Json:
    """Arms, lessons and exams in numbers, as the results tell them."""
    return {
        "study": study.name,
        "title": study.title,
        "paper": study.paper,
        "size": ground.size,
        "model": model,
        "joined": study.joined,
        **plan.about,
        "arms": [
            {
                "name": arm.name,
                "about": arm.about,
                "lessons": [_lesson(lesson) for lesson in arm.lessons],
            }
            for arm in plan.arms
        ],
        "exams": [
            {"name": exam.name, "items": len(exam.items), "conditions": list(exam.conditions)}
            for exam in plan.exams
        ],
    }


def _lesson(lesson: Lesson) -> Json:
    settings: Any = lesson.settings
    return {
        "stage": lesson.stage,
        "steps": settings.steps,
        "examples": getattr(settings, "batch", None) or getattr(settings, "items", None),
        "items": len(lesson.items),
    }
