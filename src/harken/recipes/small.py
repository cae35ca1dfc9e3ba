"""small: a small model that listens, from pretrained parts: whisper-base and SmolLM2.

Run:  harken compose --encoder openai/whisper-base --lm HuggingFaceTB/SmolLM2-135M-Instruct -o model
      harken train small items -o out --model model

1. ctc: the projector, against the language model's own embeddings, without running it; on to the
   next stage where the token error is below 40 %. 2. align: the projector at 5e-4 through the
   frozen language model: 60 % short transcripts, 25 % names of sounds, 15 % digits; on where
   another item's audio costs more than 0.3 nats an answer token. 3. joint: projector and LoRA of
   rank 16 in all linear layers at 2e-4: 35 % what is said, 30 % what sounds, 20 % two clips, 10 %
   text alone against forgetting, and in 5 % noise takes the place of the clips ("nothing").

`--from align` leaves ctc out (the ablation); the mark of align then shows whether that was enough.
A stage that misses its mark ends the recipe with what was measured; in smoke size, or where nothing
was held out to measure on, it is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from harken import progress
from harken.item import Item
from harken.models.learner import Learner
from harken.progress import track
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import digits, mixed, names, spoken, transcripts, with_clips
from harken.recipes.steps import preset_of, require_pretrained
from harken.recipes.story import Mark, Story
from harken.train.ctc import spoken_tokens
from harken.train.ctc_paths import frames_needed
from harken.train.stage import LoopSettings

LORA = r"lm:r=16,alpha=32,targets=.*_proj"
STAGES = (
    PlannedStage("ctc", settings={"groups": ("projector",), "steps": 4000}),
    PlannedStage(
        "align",
        settings={"groups": ("projector",), "lr": 5e-4, "batch": 16, "steps": 4000},
    ),
    PlannedStage(
        "sft",
        "joint",
        {"groups": ("projector", "lm"), "lr": 2e-4, "batch": 16, "steps": 6000, "nothing": 0.05},
        needs=("projector",),
    ),
)
TOKEN_ERROR = Mark("ctc", "token_error_rate", below=0.4)
SWAP_GAP = Mark("align", "hearing.gap.swap.nats", above=0.3)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stages."""
    return planned(STAGES, size, seed)


def small(job: Job) -> Learner:
    """Train in three stages; the model is ``out/model``.

    Raises:
        ConfigError: a preset, in full size.
        DataError: a stage has no items of its kind, or some are in the exam.
        RunError: a hand-over check fails, or a stage missed its mark.
    """
    require_pretrained(job, "small")
    story = Story(job, STAGES)
    learner = story.start()
    if story.has("ctc"):
        spelled = with_room(learner, [*transcripts(story.items), *names(story.items)])
        story.stage("ctc", spelled, "transcripts or names of one clip")
        story.require(TOKEN_ERROR)
    story.stage("align", to_align(story.items, job.seed), "transcripts or names of one clip")
    story.require(SWAP_GAP)
    if not preset_of(job.model):
        story.adapt(LORA)
    story.stage("joint", to_join(story.items, job.seed))
    return story.end()


def with_room(learner: Learner, items: Sequence[Item]) -> list[Item]:
    """Items whose clip has as many audio tokens as CTC needs for the answer; others are told."""
    found = []
    for item in track(items, "audio tokens of the clips"):
        needed = frames_needed(spoken_tokens(learner, item.answer))
        if learner.load_audio(item.clips[0]).tokens >= needed:
            found.append(item)
    if len(found) < len(items):
        progress.note(
            f"ctc: {len(items) - len(found)} of {len(items)} items are left out: their answer has "
            "more tokens than their clip has audio tokens"
        )
    return found


def to_align(items: Sequence[Item], seed: int) -> list[Item]:
    """The mixture of align: 60 % transcripts, 25 % names, 15 % digits."""
    spoken = sorted(transcripts(items), key=lambda item: (len(item.answer), item.id))
    short = spoken[: max(1, len(spoken) * 2 // 3)]
    parts = [(short, 0.6), (names(items), 0.25), (digits(items), 0.15)]
    return mixed(parts, sum(len(part) for part, _ in parts), seed)


def to_join(items: Sequence[Item], seed: int) -> list[Item]:
    """The mixture of joint: 35 % what is said, 30 % what sounds, 20 % two clips, 10 % text."""
    single = with_clips(items, 1, 1)
    said = [*transcripts(items), *(item for item in single if spoken(item))]
    heard = [*names(items), *(item for item in single if not spoken(item))]
    parts = [(said, 0.35), (heard, 0.3), (with_clips(items, 2, 2), 0.2),
             (with_clips(items, 0, 0), 0.1)]  # fmt: skip
    return mixed(parts, sum(len(part) for part, _ in parts), seed)
