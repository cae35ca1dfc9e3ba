"""Recipes: sequences of training stages, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harken.config import read_values, settings_of
from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.lora_settings import lora_from
from harken.recipes import tiny_curriculum
from harken.recipes.job import Job, JobOptions
from harken.recipes.registry import RECIPES
from harken.recipes.steps import (
    Plan,
    adapted,
    plan_for,
    preset_of,
    reward_signal,
    run_stage,
    save_once,
    start,
    training_items,
)
from harken.runs import read_run
from harken.train.stages import STAGES


def train(
    recipe: str,
    dataset: Path,
    out: Path,
    *,
    model: str = "harken-tiny",
    config: Path | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
    device: str = "",
    dtype: str = "",
    options: JobOptions | None = None,
) -> dict[str, Any]:
    """Run a recipe on a curated folder, or one stage on a dataset; the model is ``out/model``.

    Args:
        recipe: a name in `RECIPES`, or a stage.
        dataset: a folder written by `harken curate` (recipes), or anything that `read_items` takes
            (stages).
        out: folder of the runs and models.
        model: a preset such as ``harken-tiny``, a saved model, or ``native:FOLDER``, with settings
            if there are any (`harken.recipes.steps.adapted`).
        config: a YAML file of settings by stage, such as ``sft: {steps: 200}``, and of adapters by
            module group, such as ``lora: {lm: {rank: 16}}``, unless `model` has the setting.
        overrides: the same as ``stage.key=value``.
        seed: of all random draws.
        device: such as ``cuda``; empty: unchanged.
        dtype: of the weights, such as ``bfloat16``; empty: unchanged.
        options: the size of a recipe, and where audio and exam are; see `JobOptions`.

    Raises:
        ConfigError: an unknown recipe or setting.
    """
    if recipe not in RECIPES and recipe not in STAGES:
        raise ConfigError(
            f"no recipe or stage is called {recipe!r}",
            hint="Known: " + ", ".join((*RECIPES, *STAGES)),
        )
    if recipe in STAGES:
        STAGES.get(recipe)  # a broken plugin is an error only if it is asked for
    if (lora := read_values(config, overrides).get("lora")) and "lora=" not in model:
        model = adapted(model, [lora_from(lora)])
    more = options or JobOptions()
    if recipe in RECIPES:
        defaults = RECIPES.get(recipe).plan(model, more.size, seed)
    else:
        defaults = plan_for(model, seed)
    plan = settings_of(defaults, config, overrides, apart=("lora",))
    found = {"defaults": preset_of(model) or "neutral", "model": str(out / "model")}
    if recipe in STAGES:
        items = training_items(dataset, more.audio_root)
        made = _one_stage(recipe, items, out, model, plan, seed, device, dtype)
        return {**made, "reward_signal": reward_signal(out, [plan[recipe].name]), **found}
    job = Job(dataset, out, model, plan, seed, device, dtype, more)
    learner = RECIPES.get(recipe).run(job)
    return {
        "recipe": recipe,
        "identity": learner.identity(),
        "items": _items_by_stage(out / "training"),
        "settings": {name: asdict(value) for name, value in plan.items()},
        "reward_signal": reward_signal(out / "training", [one.name for one in plan.values()]),
        **found,
    }


def _items_by_stage(training: Path) -> dict[str, int]:
    """Stage -> the number of items that it was trained on."""
    done = sorted(path.parent for path in training.glob("*/done.json"))
    return {folder.name: read_run(folder).summary.get("items", 0) for folder in done}


def _one_stage(
    name: str,
    items: Sequence[Item],
    out: Path,
    model: str,
    plan: Plan,
    seed: int,
    device: str,
    dtype: str,
) -> dict[str, Any]:
    learner = start(model, items, seed, device=device, dtype=dtype)
    own = tiny_curriculum.takes(name, items) if preset_of(model) else items
    chosen = STAGES.get(name).chosen(own, plan[name])
    run_stage(name, learner, chosen, plan[name], out)
    save_once(learner, out / "model")
    return {
        "stage": name,
        "items": len(chosen),
        "left_out": len(items) - len(chosen),
        "identity": learner.identity(),
        "settings": asdict(plan[name]),
    }
