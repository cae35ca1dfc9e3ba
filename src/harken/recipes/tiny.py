"""tiny: harken-tiny trained for longer than the demo has time for, to be released.

Run:  harken starter corpus
      harken synth corpus -o items --per-family 2000
      harken train tiny items -o tiny              (about 45 minutes on two idle cores)
      python -m harken.recipes.release tiny/model harken-tiny-trained -o releases --card README.md

The curriculum is that of the demo (`harken.recipes.tiny_curriculum`), with `FULL_MINUTES` in place
of its five: drill, text warm-up, alignment, and SFT on all questions; without GRPO, whose questions
would have to be curated by the model itself, and which the demo does after it. The questions of the
dataset's family ``talk`` are the practice; ``leaky`` is left out, since its text gives the answer
away on purpose.
"""

from __future__ import annotations

from harken.errors import ConfigError
from harken.models.learner import Learner
from harken.recipes.job import SIZES, Job, PlannedStage
from harken.recipes.steps import preset_of
from harken.recipes.story import Story
from harken.recipes.tiny_curriculum import drills, naming, tiny_plan
from harken.train.stage import LoopSettings

FULL_MINUTES = 45.0
SMOKE_MINUTES = 0.01

STAGES = (
    PlannedStage("text-warmup", "drill"),
    PlannedStage("text-warmup"),
    PlannedStage("align"),
    PlannedStage("sft"),
)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stages.

    Raises:
        ConfigError: an unknown size.
    """
    if size not in SIZES:
        raise ConfigError(f"the size is {size!r}", hint=f"Use {' or '.join(SIZES)}.")
    whole = tiny_plan(SMOKE_MINUTES if size == "smoke" else FULL_MINUTES, seed)
    return {stage.title: whole[stage.title] for stage in STAGES}


def tiny(job: Job) -> Learner:
    """Train in four stages; the model is ``out/model``.

    Raises:
        ConfigError: a model that is no preset and was not made of one.
        DataError: a stage has no items of its kind, or some are in the exam.
    """
    if not preset_of(job.model):
        raise ConfigError(
            f"tiny is the curriculum of harken-tiny, and {job.model} is another model",
            hint="Leave out --model, or name a preset; for pretrained parts: harken train small",
        )
    story = Story(job, STAGES)
    practice = [item for item in story.items if item.task == "talk"]
    mixed = [item for item in story.items if item.task not in ("talk", "leaky")]
    story.start()
    story.stage("drill", drills(practice), "of the family talk, about one clip or two")
    story.stage("text-warmup", [*practice, *mixed, *mixed])
    story.stage("align", naming([*practice, *mixed]), "open ones that name each clip")
    story.stage("sft", [*mixed, *practice[: len(mixed)]])
    return story.end()
