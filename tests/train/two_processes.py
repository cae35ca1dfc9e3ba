"""Trainings in one process or in several, for tests: ``python two_processes.py FOLDER JSON``.

The JSON is ``{"parallel": "ddp", "jobs": {name: settings}}``. In several processes it is started by
``torchrun``. What every process has at the end goes to ``NAME/rank-N.json``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken import progress
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.recipes.steps import run_stage, save_once
from harken.train import parallel
from harken.train.sft import SftSettings
from tiny_audio import NAMES, alike, mini, named


def items(folder: Path) -> list[Item]:
    """With one clip, two clips and none; the lengths differ, so that encoder batches do."""
    one = [named(folder, name, seed, 0.3 + 0.4 * seed) for name in NAMES for seed in (0, 1)]
    text = Item(question="Which one?", answer="noise and a low tone and noise again")
    return [*one, alike(folder, "noise", "noise"), replace(one[0], clips=()), text, text, text]


def learner_of(kind: str) -> Learner:
    """The model to train: composed, with LoRA, or in bfloat16."""
    learner = mini(1, audio_encoder="conformer", dropout=0.0)
    if kind == "lora":
        learner.add_lora(2, 4)
    if kind == "bfloat16":
        learner.to(dtype="bfloat16")
    return learner


def train(folder: Path, asked: dict[str, Any]) -> Learner:
    """Train and save."""
    changes = dict(asked)
    learner = learner_of(changes.pop("kind", ""))
    stop = changes.pop("stop", 0)
    changes["groups"] = tuple(changes.get("groups", GROUPS))
    settings = SftSettings(
        **{"steps": 6, "batch": 4, "lr": 1e-3, "threads": 1, "warmup": 0.0, **changes}
    )
    if stop:
        _stop_after(stop)
    run_stage("sft", learner, items(folder.parent / "sounds"), settings, folder)
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
