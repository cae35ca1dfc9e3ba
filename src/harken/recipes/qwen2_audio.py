"""qwen2-audio: align, instruct, prefer: the three stages of Qwen2-Audio (arXiv 2407.10759).

Run:  harken train qwen2-audio items -o out --model model

1. align: encoder and projector learn to serve the language model, on transcripts, captions and
   names (its pre-training, with prompts in plain language). 2. instruct: all groups, on all tasks.
3. dpo: answers against worse ones, relative to the model after 2. Pairs are items with a rejected
   answer (ms-swift's ``rejected_response``, LLaMA-Factory's ``rejected``); questions with options
   become pairs of the right option and the wrong one that the model finds most probable.

The report gives no hyper-parameters: rates are harken's defaults by group, the beta of DPO is 0.1
(arXiv 2305.18290).
"""

from __future__ import annotations

from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import open_ended
from harken.recipes.steps import require_pretrained
from harken.recipes.story import Story
from harken.train.stage import LoopSettings

STAGES = (
    PlannedStage(
        "align",
        settings={
            "groups": ("audio_encoder", "projector"),
            "lr_audio_encoder": 1e-5,
            "lr_projector": 1e-3,
            "batch": 32,
            "steps": 20_000,
        },
    ),
    PlannedStage(
        "sft",
        "instruct",
        {
            "groups": GROUPS,
            "lr_audio_encoder": 0.0,
            "lr_projector": 2e-5,
            "lr_lm": 2e-5,
            "batch": 32,
            "steps": 5000,
        },
        needs=("projector",),
    ),
    PlannedStage(
        "dpo",
        settings={"groups": ("projector", "lm"), "beta": 0.1, "lr": 1e-6, "batch": 8,
                  "from_choices": True, "steps": 1000},
        needs=("projector", "lm"),
    ),
)  # fmt: skip


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stages."""
    return planned(STAGES, size, seed)


def qwen2_audio(job: Job) -> Learner:
    """Train in three stages; the model is ``out/model``.

    Raises:
        ConfigError: a preset, in full size.
        DataError: a stage has no items of its kind, or some are in the exam.
        RunError: a hand-over check fails.
    """
    require_pretrained(job, "qwen2-audio")
    story = Story(job, STAGES)
    story.start()
    story.stage("align", open_ended(story.items), "open-ended, with clips")
    story.stage("instruct", story.items)
    pairs = [item for item in story.items if item.rejected or item.choices]
    story.stage("dpo", pairs, "with a rejected answer, or with options")
    return story.end()
