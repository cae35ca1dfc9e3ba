"""Weak-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on weak questions, GRPO on strong ones.

Run:  harken train weak-to-strong curated -o out --model native:Qwen/Qwen2.5-Omni-7B

SFT on weak questions trains the form of answers; strong questions are for GRPO, since their rewards
need the audio. Undecided questions are left out, unless fewer are strong than a batch of GRPO
takes: then they are rewarded as well. Best where the benchmark has many weak questions. Numbers and
departures: as in `mixed_to_strong`, with 750 steps of SFT and 100 of GRPO (the reviews').
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harken.errors import DataError
from harken.models.learner import Learner
from harken.recipes.job import Job
from harken.recipes.mixed_to_strong import STAGES, plan_of, tuned_and_rewarded
from harken.recipes.steps import labelled_items, to_reward
from harken.train.stage import LoopSettings

_STEPS = {"sft": 750, "grpo": 100}


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The published settings; of a preset those of `tiny_plan`."""
    own = [
        replace(stage, settings={**stage.settings, "steps": _STEPS[stage.title]})
        for stage in STAGES
    ]
    return plan_of(own, model, size, seed)


def weak_to_strong(job: Job) -> Learner:
    """Train on a folder of `harken curate`, or a set with labels; the model is ``out/model``.

    Raises:
        DataError: there are fewer weak questions than a batch of SFT holds, or none to reward.
    """
    found = labelled_items(job.data, job.options.audio_root)
    weak = found["weak"]
    taken = to_reward(found, job.plan)
    rewarded = [item for items in taken.values() for item in items]
    sft: Any = job.plan["sft"]
    if len(weak) < sft.batch:
        raise DataError(
            f"{len(weak)} questions are weak, fewer than a batch of {sft.batch}",
            where=str(job.data / "weak" if job.data.is_dir() else job.data),
            hint="Use mixed-to-strong: few balanced questions are answered without audio.",
        )
    return tuned_and_rewarded(job, weak, rewarded, found["dropped"])
