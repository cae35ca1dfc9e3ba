"""What recipes of teaching share: a stage in its own run, and a model saved when it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, RunError
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import MODEL_FILE
from harken.models.composed.build import PRESETS
from harken.models.composed.model import ComposedModel
from harken.models.load import load_model
from harken.runs import Run
from harken.shards.read import open_dataset
from harken.train.stages import STAGES


def texts(items: Iterable[Item]) -> list[str]:
    """Every text a tokenizer should know."""
    return sorted({t for item in items for t in (item.question, item.answer, *item.choices)})


def start(model: str, items: Sequence[Item], seed: int) -> ComposedModel:
    """A fresh preset whose tokenizer knows `items`, or a saved model.

    Raises:
        ConfigError: a model that cannot be taught, such as a deaf baseline.
    """
    if model in PRESETS:
        return ComposedModel.preset(model, texts=texts(items), seed=seed)
    found = load_model(model)
    if not isinstance(found, ComposedModel):
        raise ConfigError(
            f"{model!r} cannot be taught", hint="Name a saved model or: " + ", ".join(PRESETS)
        )
    return found


def run_stage(
    stage: str, learner: ComposedModel, items: Sequence[Item], settings: Any, folder: Path
) -> None:
    """Run one stage as the run ``folder/<settings.name>``; a finished one is loaded.

    Raises:
        RunError: the folder holds the same stage with other settings or items.
    """
    function, _ = STAGES.get(stage)
    spec = {
        "kind": "train",
        "stage": stage,
        "settings": asdict(settings),
        "items": digest(canonical([item.id for item in items])),
        "start": learner.identity(),
    }
    with Run.open(folder / settings.name, spec) as run:
        function(learner, items, settings, run)
        if not run.done:
            run.finish({"items": len(items), "model": learner.identity()})


def keep(learner: ComposedModel, folder: Path) -> None:
    """Save the model; one that is there already must be the same.

    Raises:
        RunError: the folder holds another model, which is left as it is.
    """
    if not (folder / MODEL_FILE).is_file():
        learner.save(folder)
    elif ComposedModel.load(folder).identity() != learner.identity():
        raise RunError(
            "the folder holds another model", where=str(folder), hint="Choose another --out."
        )


def items_of(dataset: Path, split: str = "train") -> list[Item]:
    """The items of a dataset, those of one split."""
    return [item for item in open_dataset(dataset) if not split or item.split == split]
