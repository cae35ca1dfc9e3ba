"""Weak-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on weak questions, GRPO on strong ones.

Run:  harken train weak-to-strong curated -o out

Weak questions teach the form of an answer, strong ones are left for rewards that only listening
earns. Wins where the exam has many weak questions. Departures: as in `mixed_to_strong`.
"""

from __future__ import annotations

from pathlib import Path

from harken.errors import DataError
from harken.models.composed.model import ComposedModel
from harken.recipes.mixed_to_strong import align_first, reward, tune
from harken.recipes.steps import items_of, start
from harken.train.curriculum import Curriculum


def weak_to_strong(
    curated: Path, out: Path, model: str, plan: Curriculum, seed: int
) -> ComposedModel:
    """Teach on a folder written by `harken curate`; the model is ``out/model``.

    Raises:
        DataError: there are fewer weak questions than a batch of SFT holds.
    """
    weak, strong = (items_of(curated / label) for label in ("weak", "strong"))
    if len(weak) < plan.sft.batch:
        raise DataError(
            f"{len(weak)} questions are weak, fewer than a batch of {plan.sft.batch}",
            where=str(curated / "weak"),
            hint="Use mixed-to-strong: balanced questions leave little to a deaf model.",
        )
    open_ones = items_of(curated / "dropped")
    learner = start(model, [*weak, *strong, *open_ones], seed)
    if model == "harken-tiny":
        align_first(learner, open_ones, weak, plan, out)
    tune(learner, weak, plan, out)
    reward(learner, strong, plan, out)
    return learner
