"""What a demo of so many minutes does, by the model it is shown with.

A preset is trained from nothing. A trained model of a preset goes on with the last two stages of
the same curriculum. Any other model, such as harken-small, is evaluated with the controls, its
questions are curated, and it is tuned for a few steps: rewards would need thousands of its replies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harken.errors import ConfigError, ModelError
from harken.models.composed.presets import PRESETS
from harken.models.learner import Learner
from harken.models.released import find_release
from harken.recipes.steps import Plan, preset_of
from harken.recipes.tiny_curriculum import MEASURED_MINUTES, tiny_plan
from harken.train.sft import SftSettings
from harken.train.stage import LoopSettings

FRESH, TRAINED = "harken-tiny", "harken-tiny-trained"

FRESH_MINUTES = 7.0
"""A preset, on two idle CPU cores: the sizes below, and five minutes of training."""

TRAINED_MINUTES = 4.0
"""A trained model of a preset, likewise: it needs no drill, no text warm-up and no alignment."""

OTHER_MINUTES = 10.0
"""A model of harken-small's size (whisper-base, a language model of 135 M), likewise."""

SMALL_CORPUS_BELOW = 2.0
"""Minutes below which a small part of the starter corpus is generated."""

PER_FAMILY = {"train": 400, "test": 60, "dev": 0}
"""Questions of each family."""

PRACTICE = 12_000
"""Practice questions: a thousand sets of clips, twelve questions each."""

CURATED = 360
"""Training questions held out from fine-tuning: they are curated, and GRPO uses the strong ones."""

TOO_MUCH = ("story", "next-turn", "permuted", "voice-trait", "same-trait")
"""Families that are not learned in so short a time: up to eight clips, long answers, voices."""

LEFT_OUT = ("talk", "transcribe", "name", "describe", *TOO_MUCH)
"""Families that the questions for a preset have none of: talk is practice, of which there is more
below, and it has the same open questions about one clip."""

LEAST = {"train": 24, "test": 6, "dev": 0, "practice": 240, "curated": 24}
"""Questions that are made however short the time is."""

OTHER = {"train": 40, "test": 4, "dev": 0, "practice": 0, "curated": 24, "steps": 12}
"""Questions and steps with a model of harken-small's size: about a second of computing for each."""

OTHER_LEAST = {"train": 8, "test": 2, "dev": 0, "practice": 0, "curated": 8, "steps": 2}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What one demo does.

    Attributes:
        model: a preset, or what `load_learner` takes.
        stages: settings of the stages that are run, by name.
        sizes: questions per family and split, of practice (0: none), and for curation.
        left_out: families of which there are no questions.
        corpus_size: of the starter corpus.
        batch: requests of an evaluation that are made at once.
        told: how the demo begins, in a line.
    """

    model: str
    stages: Plan
    sizes: Mapping[str, int]
    corpus_size: str
    batch: int
    told: str
    left_out: tuple[str, ...] = LEFT_OUT

    @property
    def fresh(self) -> bool:
        """Whether it begins with fresh weights."""
        return self.model in PRESETS


def plan_demo(
    model: str = "", *, minutes: float | None = None, own_corpus: bool = False, seed: int = 0
) -> DemoPlan:
    """The plan for a model.

    Args:
        model: a preset, a release, a saved model or ``native:…``; empty: on the generated corpus
            the trained tiny model if it is installed, else the preset.
        minutes: about what everything takes on two idle CPU cores; None: as long as is usual for
            such a model.
        own_corpus: whether the recordings are the user's: their sounds are not those that the
            trained tiny model knows.
        seed: of all random draws.

    Raises:
        ConfigError: minutes that are not above 0.
    """
    if minutes is not None and minutes <= 0:
        raise ConfigError(f"minutes is {minutes}", hint="Give the time that the demo may take.")
    name = model or (TRAINED if not own_corpus and _is_here(TRAINED) else FRESH)
    if name in PRESETS:
        asked = FRESH_MINUTES if minutes is None else minutes
        stages: Mapping[str, LoopSettings] = tiny_plan(
            asked * MEASURED_MINUTES / FRESH_MINUTES, seed
        )
        told = f"{name}: trained from fresh weights"
        return DemoPlan(name, stages, sizes_of(asked), _corpus_size(asked), 64, told)
    if preset_of(name):
        asked = TRAINED_MINUTES if minutes is None else minutes
        whole = tiny_plan(asked * MEASURED_MINUTES / FRESH_MINUTES, seed)
        stages = {stage: whole[stage] for stage in ("sft", "grpo")}
        sizes = sizes_of(asked * FRESH_MINUTES / TRAINED_MINUTES)
        told = f"{name}: trained before, goes on with sft and grpo"
        return DemoPlan(name, stages, sizes, _corpus_size(asked), 64, told)
    asked = OTHER_MINUTES if minutes is None else minutes
    share = asked / OTHER_MINUTES
    sizes = {k: max(OTHER_LEAST[k], round(number * share)) for k, number in OTHER.items()}
    settings = SftSettings(steps=sizes.pop("steps"), batch=8, seed=seed)
    told = f"{name}: trained before, is tuned for {settings.steps} steps"
    left_out = ("talk", *TOO_MUCH)
    return DemoPlan(name, {"sft": settings}, sizes, _corpus_size(asked), 8, told, left_out)


def tuned_groups(plan: DemoPlan, learner: Learner) -> DemoPlan:
    """The plan with the module groups that a pretrained model is tuned in.

    The projector, and those that have adapters: all weights would be too many for a demo.
    """
    if preset_of(plan.model):
        return plan
    groups = ("projector", *sorted({*learner.adapters} - {"projector"}))
    stages = {name: replace(one, groups=groups) for name, one in plan.stages.items()}
    return replace(plan, stages=stages)


def sizes_of(minutes: float) -> dict[str, int]:
    """Questions of each kind for a demo of so many minutes: in proportion, within bounds."""
    share = min(1.0, minutes / FRESH_MINUTES)
    whole = {**PER_FAMILY, "practice": PRACTICE, "curated": CURATED}
    return {
        name: max(min(number, LEAST[name]), round(number * share)) for name, number in whole.items()
    }


def _corpus_size(minutes: float) -> str:
    return "smoke" if minutes < SMALL_CORPUS_BELOW else "full"


def _is_here(name: str) -> bool:
    try:
        find_release(name)
    except ModelError:
        return False
    return True
