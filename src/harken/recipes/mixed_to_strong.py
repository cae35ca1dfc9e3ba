"""Mixed-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on mixed questions, GRPO on strong ones.

Run:  harken train mixed-to-strong curated -o out

Wins where the exam is mostly strong questions. Departures: with harken-tiny, which begins knowing
nothing, drill, warm-up and alignment come first; SFT takes half of the strong questions, GRPO the
other half, so that no question is used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harken.item import Item
from harken.models.lalm import Lalm
from harken.recipes.teaching import items_of, keep, start, teach
from harken.train.curriculum import Curriculum, drills, naming


def align_first(
    learner: Lalm, practice: Sequence[Item], mixed: Sequence[Item], plan: Curriculum, out: Path
) -> None:
    """Teach a model that knows nothing to read questions (as words), then to name what it hears."""
    teach("warm", learner, drills(practice), plan.drill, out / "teaching")
    teach("warm", learner, [*practice, *mixed, *mixed], plan.warm, out / "teaching")
    teach("align", learner, naming([*practice, *mixed]), plan.align, out / "teaching")
    keep(learner, out / "aligned")


def tune(learner: Lalm, mixed: Sequence[Item], plan: Curriculum, out: Path) -> None:
    """Supervised fine-tuning on the answers."""
    teach("sft", learner, mixed, plan.sft, out / "teaching")
    keep(learner, out / "tuned")


def reward(learner: Lalm, strong: Sequence[Item], plan: Curriculum, out: Path) -> None:
    """GRPO; the reward is the marker that examines."""
    teach("grpo", learner, [i for i in strong if i.choices], plan.grpo, out / "teaching")
    keep(learner, out / "model")


def mixed_to_strong(curated: Path, out: Path, model: str, plan: Curriculum, seed: int) -> Lalm:
    """Teach on a folder written by `harken curate`; the model is ``out/model``."""
    weak, strong = (items_of(curated / label) for label in ("weak", "strong"))
    open_ones = items_of(curated / "dropped")
    half = len(strong) // 2
    learner = start(model, [*weak, *strong, *open_ones], seed)
    if model == "harken-tiny":
        align_first(learner, open_ones, [*weak, *strong[:half]], plan, out)
    tune(learner, [*weak, *strong[:half]], plan, out)
    reward(learner, strong[half:], plan, out)
    return learner
