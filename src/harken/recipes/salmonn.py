r"""salmonn: align on transcripts and captions, instruct, activate (SALMONN, arXiv 2310.13289).

Run:  harken compose --encoder whisper-base --encoder wavlm --lm LM \
          --projector window-qformer -o model
      harken train salmonn items -o out --model model

1. pretrain: the projector (a window Q-Former there) and LoRA in the language model, on open-ended
   questions that name, transcribe or describe. 2. instruct: the same, on all tasks. 3. activation:
   the LoRA scale is lowered, the model writes long answers of its own, and is tuned on these at
   full scale, against over-fitting to the tasks.

Numbers of the repository (configs/config.yaml): LoRA r 8, alpha 32, dropout 0.1; 3e-5 after 3,000
steps of warm-up, weight decay 0.05, batch 8, 30 epochs of 3,000 steps. It states one set for both
stages, and no activation; "about a dozen samples, a few steps" is what its authors say of it.
Departures: the rate falls by harken's cosine, to 5 % (theirs: to 1e-5, a third); the second encoder
is WavLM, or AST (``--encoder ast``), since BEATs (theirs) is no class of transformers.
"""

from __future__ import annotations

from typing import Any

from harken.models.learner import Learner
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import open_ended
from harken.recipes.steps import require_pretrained
from harken.recipes.story import Story
from harken.train.stage import LoopSettings

LORA = "lm:r=8,alpha=32,dropout=0.1"
_RUN: dict[str, Any] = {
    "groups": ("projector", "lm"),
    "lr": 3e-5,
    "decay": 0.05,
    "batch": 8,
    "steps": 90_000,
    "warmup": 1 / 30,
    "checkpoint_every": 1000,
}
STAGES = (
    PlannedStage("align", "pretrain", _RUN, adapters=("lm",)),
    PlannedStage("sft", "instruct", _RUN, needs=("projector",), adapters=("lm",)),
    PlannedStage(
        "activation",
        settings={"steps": 12, "lr": 3e-5, "batch": 8},
        smoke={"collect": 12, "least": 1, "least_tokens": 1, "max_tokens": 96},
        needs=("projector",),
        adapters=("lm",),
    ),
)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stages."""
    return planned(STAGES, size, seed)


def salmonn(job: Job) -> Learner:
    """Train in three stages; the model is ``out/model``.

    Raises:
        ConfigError: a preset, in full size.
        DataError: a stage has no items of its kind, or some are in the exam.
        RunError: a hand-over check fails.
    """
    require_pretrained(job, "salmonn")
    story = Story(job, STAGES)
    story.start(LORA)
    story.stage("pretrain", open_ended(story.items), "open-ended, with clips")
    story.stage("instruct", story.items)
    story.stage("activation", [item for item in story.items if item.clips], "with clips")
    return story.end()
