"""A training that a test kills: ``python killed_training.py <folder>`` prints a line a step."""

from __future__ import annotations

import sys
from pathlib import Path

from harken import progress
from harken.runs import Run
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, alike, mini, named

STEPS = 16


def killed_training(folder: Path) -> str:
    """The identity of the trained model: 16 steps of two micro-batches, epochs of 2.5 steps."""
    learner = mini(1, audio_encoder="conformer", dropout=0.1)
    items = [named(folder.parent / "sounds", name, seed, 0.3) for name in NAMES for seed in (0, 1)]
    items += [alike(folder.parent / "sounds", a, b) for a in NAMES[:2] for b in NAMES[:2]]
    settings = SftSettings(
        steps=STEPS, batch=2, accumulate=2, lr=1e-3, threads=1, checkpoint_every=5, augment=True,
        modality_dropout=0.2, checkpoint_s=0.5, seed=3,
    )  # fmt: skip
    with Run.open(folder, {}) as run:
        sft(learner, items, settings, run)
    return learner.identity()


if __name__ == "__main__":
    progress.quiet()
    plain = Run.log
    Run.log = lambda run, record: (plain(run, record), print(record, flush=True))[0]  # type: ignore[method-assign, assignment]
    killed_training(Path(sys.argv[1]))
