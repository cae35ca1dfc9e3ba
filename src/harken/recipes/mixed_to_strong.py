"""Mixed-to-Strong (AudioMCQ, arXiv 2509.21060): SFT on mixed questions, GRPO on strong ones.

Run:  harken train mixed-to-strong curated -o out --model native:Qwen/Qwen2.5-Omni-7B

Best where the benchmark has mostly strong questions. The numbers are those of the published scripts
(ms-swift, Qwen2.5-Omni-7B, all module groups trained): SFT at 1e-6, cosine, warm-up 0.05, batch 20;
GRPO at 1e-6, warm-up 0.01, groups of 8, KL 0.001, temperature 1.5, top-k 4, accuracy x 2 + format
x 0.5; 1000 and 900 steps (the reviews'; the repository's figure shows about 500 of GRPO). Another
model is named with --model and gets the same.

Departures from the scripts: their batches are those of one device, and the number of devices is not
stated, while ours are whole steps; their SFT goes two epochs and their GRPO up to 2,000 steps, at
most 1,024 and 2,048 tokens long, while here an item too long for the model is an error; they have a
system prompt that says to answer multiple choice about audio, and answers in ``<answer>`` tags,
while here the prompt is that of the model and answers are bare, unless ``reward_settings`` asks for
tags; their accuracy is equality of text in the tag, without case, and ours the scorer of `harken
eval`.

Further departures: with harken-tiny, which is trained from scratch, drill, text warm-up and
alignment come first, with `tiny_plan`; SFT takes the weak questions, the undecided ones and half of
the strong ones, GRPO the other strong ones, so that no question is used twice. Where fewer
questions are strong than two batches of GRPO take, the undecided ones are halved likewise. A set
that has labels of its own, as AudioMCQ's JSON has, is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harken import progress
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.recipes.handover import check_exam
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.steps import (
    Plan,
    labelled_items,
    other_splits,
    preset_of,
    run_stage,
    save_once,
    to_reward,
)
from harken.recipes.story import Story
from harken.recipes.tiny_curriculum import MEASURED_MINUTES, drills, naming, tiny_plan
from harken.train.stage import LoopSettings

SFT = {"lr": 1e-6, "warmup": 0.05, "batch": 20, "steps": 1000, "groups": GROUPS}
GRPO = {"lr": 1e-6, "warmup": 0.01, "items": 8, "group": 8, "kl": 0.001, "temperature": 1.5,
        "top_k": 4, "max_tokens": 128, "rewards": "accuracy=2,format=0.5", "steps": 900,
        "groups": GROUPS}  # fmt: skip
STAGES = (PlannedStage("sft", settings=SFT), PlannedStage("grpo", settings=GRPO))
_SMOKE_MINUTES = 0.01


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The published settings; of a preset those of `tiny_plan`."""
    return plan_of(STAGES, model, size, seed)


def plan_of(
    stages: Sequence[PlannedStage], model: str, size: str, seed: int
) -> dict[str, LoopSettings]:
    """The settings of these stages; of a preset those of `tiny_plan`."""
    published = planned(stages, size, seed)
    if not preset_of(model):
        return published
    return tiny_plan(_SMOKE_MINUTES if size == "smoke" else MEASURED_MINUTES, seed)


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


def tuned_and_rewarded(
    job: Job, tuned_on: Sequence[Item], rewarded: Sequence[Item], practice: Sequence[Item]
) -> Learner:
    """SFT on some questions, GRPO on others; a preset is aligned first, on practice if there is.

    Raises:
        DataError: some questions are in the exam: `job.options.exam`, else the other splits.
    """
    story = Story(job, STAGES, [*tuned_on, *rewarded, *practice])
    story.hold_out(other_splits(job.data, job.options.audio_root))
    learner = story.start()
    if job.model == preset_of(job.model):
        if practice:
            check_exam("align", [*practice, *tuned_on], story.exam)
            align_first(learner, practice, tuned_on, job.plan, job.out)
        else:
            progress.note(
                f"{job.model} is trained from scratch, and there are no dropped questions (as "
                "harken curate finds them) to align it on: text warm-up and alignment are skipped"
            )
    story.stage("sft", tuned_on)
    save_once(learner, job.out / "tuned")
    story.stage("grpo", [item for item in rewarded if item.choices], "strong, with choices")
    return story.end()


def mixed_to_strong(job: Job) -> Learner:
    """Train on a folder of `harken curate`, or a set with labels; the model is ``out/model``.

    Raises:
        DataError: no question is strong or undecided, or none has a label.
    """
    found = labelled_items(job.data, job.options.audio_root)
    taken = to_reward(found, job.plan, batches=2)
    halved = [items[len(items) // 2 :] for items in taken.values()]
    rewarded = [item for items in halved for item in items]
    kept = {item.id for item in rewarded}
    known = [*found["weak"], *found["undecided"], *found["strong"]]
    mixed = [item for item in known if item.id not in kept]
    return tuned_and_rewarded(job, mixed, rewarded, found["dropped"])
