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
        run: ``run(curated, out, model, plan, seed, device, dtype)`` -> the trained model, kept in
            ``out/model``; `curated` is a folder of `harken curate`, `plan` holds the settings of
            each stage (`harken.recipes.steps.Plan`).
    """

    name: str
    about: str
    run: Callable[..., Any]


RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {
        "mixed-to-strong": Recipe(
            "mixed-to-strong",
            "SFT on weak, undecided and half of the strong questions, GRPO on the others",
            later("harken.recipes.mixed_to_strong:mixed_to_strong"),
        ),
        "weak-to-strong": Recipe(
            "weak-to-strong",
            "SFT on weak questions, GRPO on strong ones; undecided ones are left out",
            later("harken.recipes.weak_to_strong:weak_to_strong"),
        ),
    },
    shape="harken.recipes.registry:Recipe",
)
