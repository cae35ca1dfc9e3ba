"""tac-timestamps: when each sound is heard, with tokens for times (TAC, arXiv 2602.15766).

Run:  harken train tac-timestamps items -o out --model native:Qwen/Qwen2-Audio-7B-Instruct

LoRA in a frozen Qwen2-Audio, on captions with times; a time token weighs 1 + 5 in the loss. Items
with times in their answers are taken, and scenes that `harken synth` mixed are asked when each of
their sounds begins and ends, which their plan knows.

Numbers of the paper: LoRA r 128, alpha 256; 5,000 steps of 32, 5e-5, 1,000 of warm-up, cosine,
lambda 5. Departure: times from the plan of a scene, not from the activity of each stem.
"""

from __future__ import annotations

from harken.models.learner import Learner
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import timed
from harken.recipes.steps import preset_of
from harken.recipes.story import Story
from harken.train.stage import LoopSettings

LORA = "lm:r=128,alpha=256"
STAGES = (
    PlannedStage(
        "timestamps",
        settings={
            "groups": ("lm",),
            "lr": 5e-5,
            "warmup": 0.2,
            "batch": 32,
            "steps": 5000,
            "weight": 5.0,
        },
    ),
)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stage."""
    return planned(STAGES, size, seed)


def tac_timestamps(job: Job) -> Learner:
    """Train on answers with times; the model is ``out/model``.

    Raises:
        DataError: no answer has a time and no scene is known, or some are in the exam.
    """
    story = Story(job, STAGES)
    story.start("" if preset_of(job.model) else LORA)
    story.stage("timestamps", timed(story.items), "with times in the answer, or mixed scenes")
    return story.end()
