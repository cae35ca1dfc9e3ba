r"""slam-asr: a projector alone teaches a language model to transcribe (arXiv 2402.08846).

Run:  harken compose --encoder whisper-base --lm smollm2-135m-instruct \
          --projector mlp --pool 5 -o model
      harken train slam-asr items -o out --model model

Encoder and language model stay frozen, and one projector between them is trained on transcripts.
Numbers of the repository's LibriSpeech script (X-LANCE/SLAM-LLM): 5 stacked frames, lr 1e-4, 1,000
of 100,000 steps of warm-up, batch 4 on each of two GPUs, no weight decay. Departures: what they
call a linear projector is two linear layers, 2,048 wide with a ReLU between them; the nearest here
is ``mlp``, as wide as the language model with a GELU (``linear`` is one layer). The rate falls by a
cosine after warm-up; theirs stays as it is.
"""

from __future__ import annotations

from harken.models.learner import Learner
from harken.recipes.job import Job, PlannedStage, planned
from harken.recipes.selections import transcripts
from harken.recipes.steps import require_pretrained
from harken.recipes.story import Story
from harken.train.stage import LoopSettings

STAGES = (
    PlannedStage(
        "align",
        settings={
            "groups": ("projector",),
            "lr": 1e-4,
            "warmup": 0.01,
            "batch": 8,
            "steps": 100_000,
            "checkpoint_every": 1000,
        },
    ),
)


def plan(model: str, size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of the stage."""
    return planned(STAGES, size, seed)


def slam_asr(job: Job) -> Learner:
    """Train the projector on transcripts of single clips; the model is ``out/model``.

    Raises:
        ConfigError: a preset, in full size.
        DataError: there are no transcripts, or some are in the exam.
    """
    require_pretrained(job, "slam-asr")
    story = Story(job, STAGES)
    story.start()
    story.stage("align", transcripts(story.items), "transcripts of one clip")
    return story.end()
