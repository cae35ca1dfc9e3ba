"""Recipes: sequences of training stages, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harken import progress
from harken.config import read_values, settings_of
from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.lora_settings import lora_from
from harken.models.learner import Learner
from harken.recipes import tiny_curriculum
from harken.recipes.handover import handover_of, handovers_beside, overlap
from harken.recipes.job import Job, JobOptions
from harken.recipes.reading import reading_once
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
from harken.recipes.watching import AudioUnusedError, Watching, held_out_items, watching
from harken.runs import read_run
from harken.shards.read import audio_below
from harken.train.hearing_gap import HearingSettings
from harken.train.stages import STAGES

HEARING = "hearing"
"""Key of `harken.train.hearing_gap.HearingSettings` among the settings of stages."""


@reading_once()
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

    Returns:
        What was trained, and ``held_out`` (what it was measured on), ``card`` (see
        `harken.recipes.regression_card.card`; None where nothing was held out), ``deaf`` (why a
        stage was ended since it does not use the audio; empty if none was).

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
    defaults = {**defaults, HEARING: HearingSettings(seed=seed)}
    plan = settings_of(defaults, config, overrides, apart=("lora",))
    how: HearingSettings = plan.pop(HEARING)
    watch = Watching(held_out_items(dataset, how, more.audio_root), how, out)
    job = Job(dataset, out, model, plan, seed, device, dtype, more)
    items = training_items(dataset, more.audio_root) if recipe in STAGES else []
    learner, deaf = _trained(recipe, watch, job, items)
    return {
        **_about(recipe, plan, out, watch.trained_on(items)),
        "identity": learner.identity(),
        "defaults": preset_of(model) or "neutral",
        "model": str(out / "model"),
        "held_out": {
            "source": watch.held.source,
            "items": watch.held.skills,
            "not_trained": len(watch.held.not_trained),
            "shared": watch.held.shared,
        },
        "card": watch.end(learner),
        "deaf": deaf,
    }


def _about(recipe: str, plan: Plan, out: Path, items: Sequence[Item]) -> dict[str, Any]:
    """What was trained, on how many of a stage's `items`, with which settings and rewards."""
    if recipe in STAGES:
        name = plan[recipe].name
        trained = read_run(out / name).summary["items"]
        return {
            "stage": name,
            "items": trained,
            "left_out": len(items) - trained,
            "settings": asdict(plan[recipe]),
            "reward_signal": reward_signal(out, [name]),
        }
    return {
        "recipe": recipe,
        "items": _items_by_stage(out / "training"),
        "settings": {name: asdict(value) for name, value in plan.items()},
        "reward_signal": reward_signal(out / "training", [one.name for one in plan.values()]),
    }


def _trained(recipe: str, watch: Watching, job: Job, items: Sequence[Item]) -> tuple[Learner, str]:
    """The model after a recipe, or a stage on `items`, and why one was ended, or ``""``."""
    with watching(watch), audio_below(job.options.audio_root):
        try:
            if recipe in STAGES:
                return _one_stage(recipe, items, job), ""
            learner: Learner = RECIPES.get(recipe).run(job)
            return learner, ""
        except AudioUnusedError as error:
            assert watch.learner is not None  # a stage was run
            save_once(watch.learner, watch.out / "model")
            return watch.learner, error.found


def _items_by_stage(training: Path) -> dict[str, int]:
    """Stage -> the number of items that it was trained on."""
    done = sorted(path.parent for path in training.glob("*/done.json"))
    return {folder.name: read_run(folder).summary.get("items", 0) for folder in done}


def _one_stage(name: str, items: Sequence[Item], job: Job) -> Learner:
    learner = start(job.model, items, job.seed, device=job.device, dtype=job.dtype)
    own = tiny_curriculum.takes(name, items) if preset_of(job.model) else items
    chosen = STAGES.get(name).chosen(own, job.plan[name])
    title = job.plan[name].name
    for told in overlap(chosen, title, handovers_beside(job.model)):
        progress.note(f"hand-over: {told}")
    run_stage(name, learner, chosen, job.plan[name], job.out)
    left = handover_of(title, learner, chosen, job.plan[name].groups)
    left.write(job.out / title)
    save_once(learner, job.out / "model")
    return learner
