"""How fast a projector learns to spell by CTC: whisper-base, frozen, and SmolLM2's embeddings.

Spoken numbers of four digits are put together from FSDD (real recordings of six speakers); a take
of FSDD is in training or held out, never both. The language model is not run.

    python benchmarks/ctc_alignment.py FSDD WEIGHTS OUT [STEPS] [CLIPS]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import duration_s
from harken.item import Item
from harken.models.composed.model import compose_pretrained
from harken.recipes.steps import run_stage
from harken.runs import read_run
from harken.train.ctc import CtcSettings

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def numbers(fsdd: Path, count: int) -> list[Item]:
    rng = np.random.default_rng(0)
    names = sorted({path.stem.split("_")[1] for path in fsdd.rglob("*.wav")})
    folder = next(fsdd.rglob("0_*.wav")).parent
    items = []
    for number in range(count):
        speaker, take = names[number % len(names)], int(rng.integers(50))
        digits = rng.integers(10, size=4)
        parts, at = [], 0.0
        for digit in digits:
            clip = Clip(path=str(folder / f"{digit}_{speaker}_{take}.wav"))
            parts.append(Part(clip, at_s=at))
            at += duration_s(clip) + float(rng.uniform(0.02, 0.2))
        text = " " + " ".join(WORDS[digit] for digit in digits)
        scene = Clip(kind="plan", plan=ScenePlan(tuple(parts), round(at, 2)))
        items.append(
            Item("Which number is said?", text, clips=(scene,), recordings=(f"take {take}",))
        )
    return items


def main() -> None:
    fsdd, weights, out = map(Path, sys.argv[1:4])
    steps, count = (int(word) for word in (*sys.argv[4:], "100", "450")[:2])
    learner = compose_pretrained(
        f"{weights / 'whisper-base'}?own_length=true&layers=all",
        weights / "smollm2-135m-instruct",
        projector="mlp?norm=true",
        pool=4,
    )
    settings = CtcSettings(
        steps=steps, evaluate_every=max(1, steps // 10), held_out=0.1, checkpoint_every=10**6
    )
    start = time.perf_counter()
    run_stage("ctc", learner, numbers(fsdd, count), settings, out)
    seconds = time.perf_counter() - start
    run = read_run(out / "ctc")
    for record in run.records("evaluations"):
        print(json.dumps(record))
    for record in [*run.records("metrics")][:: max(1, steps // 10)]:
        print(json.dumps(record))
    took = [record["s"] for record in run.records("log") if "s" in record]
    print(f"{seconds:.0f} s in all; a step {np.median(took):.3f} s (median)")


if __name__ == "__main__":
    main()
