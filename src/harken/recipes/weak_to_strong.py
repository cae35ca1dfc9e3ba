"""Weak-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on weak questions, GRPO on strong ones.

Run:  harken train weak-to-strong curated -o out

SFT on weak questions trains the form of answers; strong questions are for GRPO, since their rewards
need the audio. Undecided questions are left out, unless fewer are strong than a batch of GRPO
takes: then they are rewarded as well. Best where the benchmark has many weak questions. Departures:
as in `mixed_to_strong`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.models.learner import Learner
from harken.recipes.mixed_to_strong import align_first, reward, tune
from harken.recipes.steps import Plan, curated_items, preset_of, start, to_reward


def weak_to_strong(
    curated: Path, out: Path, model: str, plan: Plan, seed: int, device: str = "", dtype: str = ""
) -> Learner:
    """Train on a folder written by `harken curate`; the model is ``out/model``.

    Raises:
        DataError: there are fewer weak questions than a batch of SFT holds, or none to reward.
    """
    found = curated_items(curated)
    weak, dropped = found["weak"], found["dropped"]
    taken = to_reward(found, plan)
    rewarded = [item for items in taken.values() for item in items]
    sft: Any = plan["sft"]
    batch = sft.batch
    if len(weak) < batch:
        raise DataError(
            f"{len(weak)} questions are weak, fewer than a batch of {batch}",
            where=str(curated / "weak"),
            hint="Use mixed-to-strong: few balanced questions are answered without audio.",
        )
    learner = start(model, [*weak, *rewarded, *dropped], seed, device=device, dtype=dtype)
    if model == preset_of(model):
        align_first(learner, dropped, weak, plan, out)
    tune(learner, weak, plan, out)
    reward(learner, rewarded, plan, out)
    return learner
