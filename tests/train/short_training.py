"""A short training of a very small model, as a program for the kill test.

``python short_training.py <folder>`` runs it and prints a line after each step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from harken import progress
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.align import AlignSettings, align
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings, sft
from harken.train.text_warmup import TextWarmupSettings, text_warmup
from tiny_audio import NAMES, alike, mini, named

Stage = Callable[[ComposedModel, Run], None]


def fresh() -> ComposedModel:
    """The model before the first stage."""
    return mini(audio_encoder="conformer", dropout=0.1)  # the ResNet has no dropout


def open_run(folder: Path) -> Run:
    """The run of the whole course."""
    return Run.open(folder, {"training": "short"})


def stages(sounds: Path) -> list[Stage]:
    """All four stages. The rates are high, so that some replies earn a reward at the end."""
    items = [named(sounds, name, seed, 0.3) for name in NAMES for seed in range(2)]
    items += [alike(sounds, a, b) for a in NAMES[:2] for b in NAMES[:2]]
    few = {"seed": 1, "threads": 1, "checkpoint_every": 2, "batch": 4}
    rewarded = GrpoSettings(
        steps=6, items=4, group=8, max_tokens=4, seed=1, threads=1, checkpoint_every=2, reuse=2,
        lr=1e-3,
    )  # fmt: skip
    return [
        lambda model, run: text_warmup(
            model, items, TextWarmupSettings(steps=4, lr=2e-2, **few), run
        ),
        lambda model, run: align(model, items, AlignSettings(steps=4, **few), run),
        lambda model, run: sft(model, items, SftSettings(steps=6, lr=2e-2, **few), run),
        lambda model, run: grpo(model, items, rewarded, run),
    ]


def short_training(folder: Path) -> ComposedModel:
    """All four stages in one run, then the model's folder."""
    learner = fresh()
    with open_run(folder / "run") as run:
        for stage in stages(folder / "sounds"):
            stage(learner, run)
        learner.save(folder / "model")
        if not run.done:
            run.finish()
    return learner


if __name__ == "__main__":
    progress.quiet()
    plain = Run.log
    Run.log = lambda run, record: (plain(run, record), print(record, flush=True))[0]  # type: ignore[method-assign, assignment]
    short_training(Path(sys.argv[1]))
