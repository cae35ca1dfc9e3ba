"""Recipes by name: training stages one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from harken.errors import ConfigError
from harken.registry import Registry, later


@dataclass(frozen=True, slots=True)
class Recipe:
    """A sequence of training stages.

    Attributes:
        name: what `harken train` is told.
        about: what is trained on what, in a sentence.
        run: ``run(curated, out, model, plan, seed)`` -> the trained model, kept in ``out/model``;
            `curated` is a folder of `harken curate`, `plan` a `harken.train.curriculum.Curriculum`.
    """

    name: str
    about: str
    run: Callable[..., Any]


RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {
        "mixed-to-strong": Recipe(
            "mixed-to-strong",
            "SFT on mixed questions, GRPO on those that the audio contributes most to",
            later("harken.recipes.mixed_to_strong:mixed_to_strong"),
        ),
        "weak-to-strong": Recipe(
            "weak-to-strong",
            "SFT on questions that the audio contributes little to, GRPO on the others",
            later("harken.recipes.weak_to_strong:weak_to_strong"),
        ),
    },
    shape="harken.recipes.run:Recipe",
)


STAGE_NAMES = ("warm", "align", "sft", "grpo")


def train(
    recipe: str,
    dataset: Path,
    out: Path,
    *,
    model: str = "harken-tiny",
    config: Path | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Run a recipe on a curated folder, or one stage on a dataset; the model is ``out/model``.

    Args:
        recipe: a name in `RECIPES`, or a stage.
        dataset: a folder written by `harken curate` (recipes) or a dataset (stages).
        out: folder of the runs and models.
        model: ``harken-tiny``, or a saved model.
        config: a YAML file of settings by stage, such as ``sft: {steps: 200}``.
        overrides: the same as ``stage.key=value``.
        seed: of everything drawn.

    Raises:
        ConfigError: an unknown recipe or setting.
    """
    from harken.config import settings_of
    from harken.train.curriculum import curriculum

    plan = curriculum(seed=seed)
    stages = {f.name: getattr(plan, f.name) for f in fields(plan)}
    asked = settings_of(stages, config, overrides)
    plan = replace(plan, **asked)
    if recipe in STAGE_NAMES:
        return _one_stage(recipe, dataset, out, model, asked[recipe], seed)
    if recipe not in RECIPES:
        raise ConfigError(
            f"no recipe or stage is called {recipe!r}",
            hint="Known: " + ", ".join((*RECIPES, *STAGE_NAMES)),
        )
    learner = RECIPES.get(recipe).run(dataset, out, model, plan, seed)
    return {
        "recipe": recipe,
        "model": str(out / "model"),
        "identity": learner.identity(),
        "settings": {name: asdict(value) for name, value in asked.items()},
    }


def _one_stage(
    stage: str, dataset: Path, out: Path, model: str, settings: Any, seed: int
) -> dict[str, Any]:
    from harken.recipes.steps import items_of, keep, run_stage, start
    from harken.train.curriculum import naming

    items = items_of(dataset)
    learner = start(model, items, seed)
    taught = {"align": naming(items), "grpo": [i for i in items if i.choices]}.get(stage, items)
    run_stage(stage, learner, taught, settings, out)
    keep(learner, out / "model")
    return {
        "stage": stage,
        "items": len(taught),
        "model": str(out / "model"),
        "identity": learner.identity(),
        "settings": asdict(settings),
    }
