"""What recipes share: opening a model, running a stage in its own run, and saving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harken.curate.labels import LABELS
from harken.errors import ConfigError, DataError, ModelError, RunError
from harken.item import Dialogue, Item, items_digest, of_split
from harken.models.base import MODEL_FILE
from harken.models.composed.encoders.registry import ENCODERS
from harken.models.composed.model import ComposedModel
from harken.models.composed.presets import PRESETS
from harken.models.engine.lora_settings import parse_lora
from harken.models.learner import Learner, load_learner
from harken.models.released import located
from harken.models.target import with_settings
from harken.parsing import load_json
from harken.recipes import tiny_curriculum, watching
from harken.recipes.job import Job
from harken.recipes.reading import all_items
from harken.runs import read_run
from harken.shards.info import MARKER
from harken.train import parallel
from harken.train.stage import LoopSettings
from harken.train.stages import STAGES

Plan = Mapping[str, LoopSettings]
"""Name -> settings of a stage; a stage that is run twice has two names."""


def texts(items: Iterable[Item]) -> list[str]:
    """Every text that a tokenizer is trained on."""
    found: dict[str, None] = {}
    for item in items:
        around = item.dialogue or Dialogue()
        said = (text for turn in around.earlier for text in (turn.question, turn.reply))
        known = (item.question, item.answer, *item.choices, item.rejected, around.system, *said)
        found |= dict.fromkeys(known)
    return sorted(text for text in found if text)


def preset_of(model: str) -> str:
    """The preset that `model` is, or that its saved folder was made from; empty if none."""
    if model in PRESETS:
        return model
    try:
        saved = load_json(Path(located(model).partition("?")[0]) / MODEL_FILE)
    except (OSError, ValueError, ModelError):
        return ""
    name = saved.get("name", "") if isinstance(saved, dict) else ""
    return name if name in PRESETS else ""


def plan_for(model: str, seed: int) -> dict[str, LoopSettings]:
    """The default settings of every stage.

    Presets are trained from scratch, with `tiny_plan`; every other model gets the neutral defaults
    of the stages.
    """
    neutral = {stage.name: stage.settings(seed=seed) for stage in STAGES.members()}
    if not (preset := preset_of(model)):
        return neutral
    plan = {**neutral, **tiny_curriculum.tiny_plan(seed=seed)}
    if not ENCODERS.get(PRESETS[preset].audio_encoder).augmentable:
        plan = {name: _plain(own) for name, own in plan.items()}
    return plan


def _plain(settings: LoopSettings) -> LoopSettings:
    """Settings without augmentation."""
    given: Any = settings
    return replace(given, augment=False) if getattr(given, "augment", False) else settings


def adapted(model: str, lora: Sequence[str] = (), copy_bases: bool = False) -> str:
    """`model` with settings for adapters, and for saving all weights with it.

    Args:
        model: as `start` takes it.
        lora: adapters by module group, each as ``lm:16`` (`harken.models.engine.lora_settings`).
        copy_bases: see `harken.models.native.settings.NativeSettings`.

    Raises:
        ConfigError: adapters that make no sense, or for a model that is trained from scratch.
    """
    if not parse_lora(lora):
        lora = ()
    if model in PRESETS:
        if lora:
            raise ConfigError(
                f"{model} is trained from scratch: adapters need trained weights",
                hint="Name a saved model or native:FOLDER with --model.",
            )
        return model
    return with_settings(model, lora=";".join(lora), copy_bases="true" if copy_bases else "")


def start(
    model: str, items: Sequence[Item], seed: int, *, device: str = "", dtype: str = ""
) -> Learner:
    """A new preset with a tokenizer trained on `items`, or the model that `model` names.

    Raises:
        ConfigError: a model that cannot be trained, such as a text-only baseline.
    """
    if model in PRESETS:
        return ComposedModel.preset(model, texts=texts(items), seed=seed).to(device, dtype)
    return load_learner(model, device=device, dtype=dtype)


def require_pretrained(job: Job, recipe: str) -> None:
    """Refuse a preset in full size: a recipe for pretrained parts says nothing of such.

    Raises:
        ConfigError: what to name instead.
    """
    if job.model in PRESETS and job.options.size != "smoke":
        raise ConfigError(
            f"{recipe} is for pretrained parts, and {job.model} is trained from scratch",
            hint="Join an audio encoder and a language model (harken compose), and name the folder "
            "with --model. --size smoke tries the recipe; harken demo trains a preset.",
        )


def run_stage(
    stage: str, learner: Learner, items: Sequence[Item], settings: Any, folder: Path
) -> None:
    """Run one stage in the run ``folder/<settings.name>``; a finished one is loaded.

    In a `harken.recipes.watching.watching` block the held-out items are left out, and the stage is
    measured on them.

    Raises:
        RunError: the folder has a run with other settings or items.
        AudioUnusedError: the stage was ended since it does not use the audio; its run is complete.
    """
    watch = watching.current()
    asked: list[Item] = []
    if watch is not None:
        watch.begin(learner, settings.threads)
        items, asked = watch.trained_on(items), watch.asked(stage, settings)
        settings = watching.with_evaluations(settings) if asked else settings
    spec = {
        "kind": "train",
        "stage": stage,
        "settings": asdict(settings),
        "items": items_digest(items),
        "start": learner.identity(),
        **(watch.spec(asked) if watch else {}),
    }
    with parallel.open_run(folder / settings.name, spec) as run:
        with watching.evaluated(watch, asked, learner, settings, run), watching.kept_apart(watch):
            STAGES.get(stage).run(learner, items, settings, run)
        stopped = parallel.share(watching.why_stopped(run, settings.name))
        if not run.done:
            more = {"stopped": stopped} if stopped else {}
            run.finish({"items": len(items), "model": learner.identity(), **more})
    if stopped:
        raise watching.AudioUnusedError(stopped)


def save_once(learner: Learner, folder: Path) -> None:
    """Save the model, unless the folder has the same one already; the first process does.

    Raises:
        RunError: the folder has another model, which is not overwritten.
    """
    parallel.in_first(lambda: _save_once(learner, folder))


def _save_once(learner: Learner, folder: Path) -> None:
    try:
        saved = load_json(folder / MODEL_FILE)
    except FileNotFoundError:
        learner.save(folder)
        return
    except (OSError, ValueError):
        saved = {}
    if saved.get("identity") != learner.identity():
        raise RunError(
            "the folder has another model", where=str(folder), hint="Choose another --out."
        )


def curated_items(curated: Path, split: str = "train") -> dict[str, list[Item]]:
    """Label -> the questions of a split (of all if it is empty) that `harken curate` gave it."""
    return {label: items_of(curated / label, split) for label in LABELS}


def labelled_items(data: Path, audio_root: Path | None = None) -> dict[str, list[Item]]:
    """Label -> the training questions that have it: of a curated folder, or of a labelled set.

    Raises:
        DataError: the items have no labels.
    """
    if data.is_dir() and any((data / label / MARKER).is_file() for label in LABELS):
        return curated_items(data)
    found: dict[str, list[Item]] = {label: [] for label in LABELS}
    items = training_items(data, audio_root)
    for item in items:
        if item.contribution is not None and item.contribution.label in found:
            found[item.contribution.label].append(item)
    if not any(found.values()):
        raise DataError(
            f"none of {len(items)} items says how much its audio contributes",
            where=str(data),
            hint="Measure it first (harken curate), and name the folder that it wrote.",
        )
    return found


def other_splits(data: Path, audio_root: Path | None = None) -> list[Item]:
    """What `labelled_items` leaves out since it is in another split; none, where none is named."""
    folders = [data / label for label in LABELS if (data / label / MARKER).is_file()]
    return _others([item for one in folders or [data] for item in items_of(one, "", audio_root)])


def _others(items: Sequence[Item]) -> list[Item]:
    """What `of_split` leaves out of the training items."""
    named = any(item.split for item in items)
    return [item for item in items if named and item.split != "train"]


def to_reward(
    found: Mapping[str, Sequence[Item]], plan: Plan, batches: int = 1
) -> dict[str, list[Item]]:
    """Label -> the questions for GRPO: those measured as strong.

    Where they are fewer than so many `batches` of the stage, the undecided ones come in as well:
    with voters that cannot be shown to know anything, nothing is measured as strong. Weak ones
    never do.

    Raises:
        DataError: both together are fewer than one.
    """
    grpo: Any = plan["grpo"]
    taken = {"strong": list(found["strong"])}
    if len(taken["strong"]) < batches * grpo.items:
        taken["undecided"] = list(found["undecided"])
    if not any(taken.values()):
        raise DataError(
            "no question is strong or undecided: there is nothing to reward",
            hint="Curate more questions, or train without rewards: harken train sft",
        )
    return taken


def items_of(dataset: Path, split: str = "train", audio_root: Path | None = None) -> list[Item]:
    """The items of one split of a set (see `all_items`); of all splits if it is empty.

    Where no item names a split, as in lists written by hand, all items are taken.
    """
    items = list(all_items(dataset, audio_root))
    return of_split(items, split) if split else items


def training_items(dataset: Path, audio_root: Path | None = None) -> list[Item]:
    """The training items of `divided`."""
    return divided(dataset, audio_root)[0]


def divided(dataset: Path, audio_root: Path | None = None) -> tuple[list[Item], list[Item]]:
    """The training items of a dataset (see `items_of`), and those of its other splits.

    Raises:
        DataError: there are no training items; the error lists the splits found.
    """
    items = items_of(dataset, "", audio_root)
    train = of_split(items)
    if not train:
        counts = Counter(item.split or "(none)" for item in items)
        there = ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "no items at all"
        raise DataError(
            "no item is in the split train", where=str(dataset), hint=f"Splits found: {there}."
        )
    return train, _others(items)


def reward_signal(runs: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Stage -> how many of its groups had a signal, for the stages below `runs` with rewards.

    Keys are ``groups``, ``with_signal`` (groups whose replies have unequal rewards: the others
    train nothing), ``reward``, the mean of all steps (None: no reply had one), and
    ``replies_left_out`` where some could not be used.
    """
    found = {}
    for name in names:
        if not (runs / name / "metrics.jsonl").is_file():
            continue
        own = [r for r in read_run(runs / name).stream("metrics") if "groups_left_out" in r]
        if own:
            groups = sum(record["groups"] for record in own)
            known = [record["reward"] for record in own if record["reward"] is not None]
            left_out = sum(record.get("replies_left_out", 0) for record in own)
            found[name] = {
                "groups": groups,
                "with_signal": groups - sum(record["groups_left_out"] for record in own),
                "reward": round(sum(known) / len(known), 6) if known else None,
                **({"replies_left_out": left_out} if left_out else {}),
            }
    return found


def signal_text(found: Mapping[str, Mapping[str, Any]]) -> str:
    """`reward_signal` in a sentence for each stage; empty if there is none."""
    return "\n".join(
        f"{name}: {one['with_signal']} of {one['groups']} groups of replies had unequal rewards"
        + ("" if one["with_signal"] else f" (mean {_mean(one['reward'])}): nothing was learned")
        + (f"; {one['replies_left_out']} replies were left out (rollouts.jsonl says why)"
           if one.get("replies_left_out") else "")
        for name, one in found.items()
    )  # fmt: skip


def _mean(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
