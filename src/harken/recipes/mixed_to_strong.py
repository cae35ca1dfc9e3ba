"""Mixed-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on mixed questions, GRPO on strong ones.

Run:  harken train mixed-to-strong curated -o out

Best where the benchmark has mostly strong questions. Departures: with harken-tiny, which is trained
from scratch, drill, text warm-up and alignment come first; SFT takes the weak questions, the
undecided ones and half of the strong ones, GRPO the other strong ones, so that no question is used
twice. Where fewer questions are strong than two batches of GRPO take, the undecided ones are halved
likewise: half for SFT, half for GRPO.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harken.item import Item
from harken.models.learner import Learner
from harken.recipes.steps import (
    Plan,
    curated_items,
    preset_of,
    run_stage,
    save_once,
    start,
    to_reward,
)
from harken.recipes.tiny_curriculum import drills, naming


def align_first(
    learner: Learner,
    practice: Sequence[Item],
    mixed: Sequence[Item],
    plan: Plan,
    out: Path,
) -> None:
    """Text warm-up and alignment for a model that is trained from scratch."""
    run_stage("text-warmup", learner, drills(practice), plan["drill"], out / "training")
    run_stage(
        "text-warmup", learner, [*practice, *mixed, *mixed], plan["text-warmup"], out / "training"
    )
    run_stage(
        "align",
        learner,
        naming([*practice, *mixed]),
        plan["align"],
        out / "training",
    )
    save_once(learner, out / "aligned")


def tune(learner: Learner, mixed: Sequence[Item], plan: Plan, out: Path) -> None:
    """Supervised fine-tuning on the answers."""
    run_stage("sft", learner, mixed, plan["sft"], out / "training")
    save_once(learner, out / "tuned")


def reward(learner: Learner, strong: Sequence[Item], plan: Plan, out: Path) -> None:
    """GRPO; the reward is the score of `harken eval`."""
    run_stage("grpo", learner, [i for i in strong if i.choices], plan["grpo"], out / "training")
    save_once(learner, out / "model")


def mixed_to_strong(
    curated: Path, out: Path, model: str, plan: Plan, seed: int, device: str = "", dtype: str = ""
) -> Learner:
    """Train on a folder written by `harken curate`; the model is ``out/model``.

    Raises:
        DataError: no question is strong or undecided.
    """
    found = curated_items(curated)
    dropped = found["dropped"]
    taken = to_reward(found, plan, batches=2)
    halved = [items[len(items) // 2 :] for items in taken.values()]
    rewarded = [item for items in halved for item in items]
    kept = {item.id for item in rewarded}
    known = [*found["weak"], *found["undecided"], *found["strong"]]
    mixed = [item for item in known if item.id not in kept]
    learner = start(model, [*mixed, *rewarded, *dropped], seed, device=device, dtype=dtype)
    if model == preset_of(model):
        align_first(learner, dropped, mixed, plan, out)
    tune(learner, mixed, plan, out)
    reward(learner, rewarded, plan, out)
    return learner
