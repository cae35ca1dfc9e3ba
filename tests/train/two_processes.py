"""Trainings in one process or in several, for tests: ``python two_processes.py FOLDER JSON``.

The JSON is ``{"parallel": "ddp", "jobs": {name: settings}}``; beside its settings a job has
``stage`` (sft if not given) and ``kind`` (see `learner_of`). In several processes it is started by
``torchrun``. What every process has at the end goes to ``NAME/rank-N.json``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from learner_kinds import adapted

from harken import progress
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner, load_learner
from harken.process_end import end_now
from harken.recipes.steps import run_stage, save_once
from harken.train import parallel
from harken.train.stages import STAGES
from tiny_audio import NAMES, TEXTS, alike, mini, named


def items(folder: Path) -> list[Item]:
    """With one clip, two clips and none; the lengths differ, so that encoder batches do."""
    one = [named(folder, name, seed, 0.3 + 0.4 * seed) for name in NAMES for seed in (0, 1)]
    text = Item(question="Which one?", answer="noise and a low tone and noise again")
    return [*one, alike(folder, "noise", "noise"), one[0].with_clips(()), text, text, text]


def all_items(folder: Path) -> list[Item]:
    """Of every kind: with options, about two clips, open-ended, with times."""
    one = [named(folder, name, seed, 0.3 + 0.2 * seed) for name in NAMES for seed in (0, 1)]
    two = [alike(folder, "noise", "noise"), alike(folder, "noise", "low tone")]
    opened = [replace(named(folder, name, 2, 1.5), choices=(), question=TEXTS[0]) for name in NAMES]
    timed = [replace(opened[n], answer=f"{NAMES[n]} at 0.{n + 1}s") for n in range(2)]
    return [*one, *two, *opened, *timed]


def learner_of(kind: str) -> Learner:
    """The model to train: composed, with LoRA, in bfloat16, or that of a folder."""
    if "/" in kind:
        return load_learner(kind)
    learner = mini(1, audio_encoder="conformer", dropout=0.0)
    if kind == "lora":
        learner.add_lora(2, 4)
    if kind == "adapted":
        return adapted(learner)
    if kind == "bfloat16":
        learner.to(dtype="bfloat16")
    return learner


def train(folder: Path, asked: dict[str, Any]) -> Learner:
    """Train and save."""
    changes = dict(asked)
    learner = learner_of(changes.pop("kind", ""))
    stop, name = changes.pop("stop", 0), changes.pop("stage", "sft")
    stage = STAGES.get(name)
    known = {entry.name: entry for entry in fields(stage.settings)}
    usual = {"steps": 6, "batch": 4, "lr": 1e-3, "threads": 1, "warmup": 0.0}
    given = {**{key: value for key, value in usual.items() if key in known}, **changes}
    if name == "sft":
        given["groups"] = given.get("groups", GROUPS)
    if "groups" in given:
        given["groups"] = tuple(given["groups"])
    settings = stage.settings(**given)
    if stop:
        _stop_after(stop)
    sounds = folder.parent / "sounds"
    chosen = items(sounds) if name == "sft" else stage.chosen(all_items(sounds), settings)
    run_stage(name, learner, chosen, settings, folder)
    save_once(learner, folder / "model")
    return learner


def _stop_after(steps: int) -> None:
    """End all processes after so many steps, as a kill does."""
    import os

    from harken.train import train_loop

    plain = train_loop._Loop._step

    def step(loop: Any, number: int) -> None:
        if number == steps:
            os._exit(9)
        plain(loop, number)

    train_loop._Loop._step = step  # type: ignore[method-assign]


if __name__ == "__main__":
    progress.quiet()
    root, told = Path(sys.argv[1]), json.loads(sys.argv[2])
    with parallel.processes(kind=told["parallel"]):
        for name, asked in told["jobs"].items():
            learner = train(root / name, asked)
            found = {"identity": learner.identity(), "size": parallel.size()}
            (root / name / f"rank-{parallel.rank()}.json").write_text(json.dumps(found))
    end_now()
