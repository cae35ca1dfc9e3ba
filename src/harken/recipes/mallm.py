"""mallm: telling two clips apart, without forgetting one (MALLM, arXiv 2409.18680).

Run:  harken train mallm items -o out --model native:Qwen/Qwen2-Audio-7B

Discriminative learning on synthetic pairs, with single-clip items in every batch, LoRA in the
language model: the stage joint. `harken synth` makes pairs of MAE's kind (which-clip, same-sound,
same-word, caption …) whose answers are true by construction; the paper had them written by GPT-4.

Departure: the paper tunes Qwen-Audio, which is no class of transformers; Qwen2-Audio follows it.
The paper states neither rank nor rate nor the share of single-clip data: those here are harken's
(LoRA of rank 8 at 2e-4, half of every batch single clips, 2,000 steps of 16).
"""

from __future__ import annotations

from harken.models.learner import Learner
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import with_clips
from harken.recipes.steps import preset_of
from harken.recipes.story import Story
from harken.train.stage import LoopSettings

LORA = "lm:r=8,alpha=16"
STAGES = (
    PlannedStage(
        "joint",
        settings={
            "groups": ("projector", "lm"),
            "lr_projector": 1e-4,
            "lr_lm": 2e-4,
            "single": 0.5,
            "batch": 16,
            "steps": 2000,
        },
        smoke={"batch": 4},
    ),
)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stage."""
    return planned(STAGES, size, seed)


def mallm(job: Job) -> Learner:
    """Train on items with one clip or two; the model is ``out/model``.

    Raises:
        DataError: pairs or single-clip items are missing, or some are in the exam.
    """
    story = Story(job, STAGES)
    story.start("" if preset_of(job.model) else LORA)
    story.stage("joint", with_clips(story.items, 1, 2), "with one clip or two")
    return story.end()
