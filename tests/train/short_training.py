"""A short training of a very small model, as a program for the kill test.

``python short_training.py <folder>`` runs it and prints a line after each step.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harken import progress
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.align import AlignSettings, align
from harken.train.grpo import GrpoSettings, grpo
from harken.train.sft import SftSettings, sft
from harken.train.text_warmup import TextWarmupSettings, text_warmup
from tiny_audio import NAMES, alike, mini, named


def short_training(folder: Path) -> ComposedModel:
    """Run all four stages in one run, and save the model."""
    items = [named(folder / "sounds", name, seed, 0.3) for name in NAMES for seed in range(2)]
    items += [alike(folder / "sounds", a, b) for a in NAMES[:2] for b in NAMES[:2]]
    learner = mini(dropout=0.1)
    few = {"seed": 1, "threads": 1, "checkpoint_every": 2, "batch": 4}
    with Run.open(folder / "run", {"training": 1}) as run:
        text_warmup(learner, items, TextWarmupSettings(steps=4, **few), run)
        align(learner, items, AlignSettings(steps=4, **few), run)
        sft(learner, items, SftSettings(steps=6, **few), run)
        grpo(
            learner,
            items,
            GrpoSettings(
                steps=6, items=3, group=4, max_tokens=4, seed=1, threads=1, checkpoint_every=2,
                reuse=2, lr=1e-3,
            ),
            run,
        )  # fmt: skip
        learner.save(folder / "model")
        if not run.done:
            run.finish()
    return learner


if __name__ == "__main__":
    progress.quiet()
    plain = Run.log
    Run.log = lambda run, record: (plain(run, record), print(record, flush=True))[0]  # type: ignore[method-assign, assignment]
    short_training(Path(sys.argv[1]))
