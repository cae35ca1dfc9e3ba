"""A memory around a trained model: it hears minutes as one prompt, and learns to keep a needle.

    python memory.py CORPUS -o OUT [--model harken-tiny-trained] [--steps 300]
    python needle.py CORPUS -o OUT/exam --model OUT/model
    python needle.py CORPUS -o OUT/untrained-exam --model OUT/untrained

Windows of a clip become a few summary tokens each, and beyond a number of segments neighbours
become one (`harken.models.composed.projectors.memory`). The memory is trained on scenes of
`needle.py` that are made of the corpus's training recordings; encoder and language model are
frozen. An hour needs seven merges, one upon the other, in a memory of eight segments, and two
minutes need two of them: so it is trained with two segments (`--merging`), where two minutes need
four, and keeps eight. OUT/untrained is the model with fresh weights in its memory. A killed
training goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from needle import scene, sounds

from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.composed.with_memory import with_memory
from harken.models.learner import load_learner
from harken.models.released import located
from harken.recipes.steps import run_stage, save_once
from harken.train.sft import SftSettings

MEMORY = "memory?window_s=4&summary=4&segments=8"
MINUTES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Lengths of the scenes in training; with two segments they are merged beyond 8 s."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", default="harken-tiny-trained")
    parser.add_argument("--memory", default=MEMORY)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--kinds", nargs="+", default=["quiet"], choices=("quiet", "among"))
    parser.add_argument("--merging", type=int, default=2, help="segments in training")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    plain = load_learner(located(given.model))
    assert isinstance(plain, ComposedModel), "a memory is for composed models"
    learner = with_memory(plain, given.memory, given.seed)
    save_once(learner, given.out / "untrained")
    own = sounds(given.corpus, "train")
    items = [
        scene(own, MINUTES[i % len(MINUTES)], given.kinds[i % len(given.kinds)], i)[0]
        for i in range(given.items)
    ]
    settings = SftSettings(
        steps=given.steps, batch=8, lr=1e-3, warmup=0.1, groups=("projector",), seed=given.seed,
        checkpoint_every=50, threads=1,
    )  # fmt: skip
    memory = learner.net.projector
    assert isinstance(memory, MemoryProjector)
    memory.segments, kept = given.merging, memory.segments
    run_stage("sft", learner, items, settings, given.out / f"training-{given.merging}")
    memory.segments = kept
    save_once(learner, given.out / "model")


if __name__ == "__main__":
    main()
