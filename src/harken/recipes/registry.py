"""Recipes by name: training stages one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harken.registry import Registry, later


@dataclass(frozen=True, slots=True)
class Recipe:
    """A sequence of training stages.

    Attributes:
        name: what `harken train` is told.
        about: what is trained on what, in a sentence.
        run: ``run(job)`` -> the trained model, kept in ``out/model`` (`harken.recipes.job.Job`).
        plan: ``plan(model, size, seed)`` -> name -> settings of each of its stages, in full or in
            smoke size (`harken.recipes.job.planned`).
    """

    name: str
    about: str
    run: Callable[..., Any]
    plan: Callable[..., Any]


def _built_in(name: str, about: str) -> Recipe:
    """A recipe in the module of its name."""
    own = name.replace("-", "_")
    module = f"harken.recipes.{own}"
    return Recipe(name, about, later(f"{module}:{own}"), later(f"{module}:plan"))


STORIES = {
    "mixed-to-strong": "SFT on weak, undecided and half of the strong questions, GRPO on the other "
    "strong ones",
    "weak-to-strong": "SFT on weak questions, GRPO on strong ones; undecided ones are left out",
    "mallm": "pairs of clips told apart, with single clips in every batch",
    "salmonn": "pretrain on transcripts and names, instruct, activation tuning",
    "qwen2-audio": "align, instruct, DPO on answers against worse ones",
    "slam-asr": "the projector alone, on transcripts",
    "tac-timestamps": "when each sound is heard, with tokens for times",
    "tiny": "harken-tiny from fresh weights, for 45 minutes: drill, text-warmup, align, sft",
    "small": "a small model from pretrained parts: ctc, align, joint",
}
"""The recipes of the package, and what each does."""

RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {name: _built_in(name, about) for name, about in STORIES.items()},
    shape="harken.recipes.registry:Recipe",
)
