"""What recipes of teaching share: a stage in its own run, and a model saved when it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harken.item import Item
from harken.models import MODEL_FILE, load_model
from harken.models.lalm import Lalm
from harken.runs import Run
from harken.shards import open_dataset
from harken.train import STAGES

PRESETS = ("harken-tiny", "harken-mini")


def texts(items: Iterable[Item]) -> list[str]:
    """Every text a tokenizer should know."""
    return sorted({t for item in items for t in (item.question, item.answer, *item.choices)})


def start(model: str, items: Sequence[Item], seed: int) -> Lalm:
    """A fresh preset whose tokenizer knows `items`, or a saved model."""
    if model in PRESETS:
        return Lalm.preset(model, texts=texts(items), seed=seed)
    found = load_model(model)
    assert isinstance(found, Lalm), "only composed models can be taught"
    return found


def teach(stage: str, learner: Lalm, items: Sequence[Item], settings: Any, folder: Path) -> None:
    """Run one stage as the run ``folder/<settings.name>``; a finished one is loaded.

    Raises:
        RunError: the folder holds the same stage with other settings or items.
    """
    function, _ = STAGES.get(stage)
    spec = {
        "kind": "train",
        "stage": stage,
        "settings": {name: getattr(settings, name) for name in settings.__slots__}
        | {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "items": _fingerprint(items),
        "start": learner.identity(),
    }
    with Run.open(folder / settings.name, spec) as run:
        function(learner, items, settings, run)
        if not run.done:
            run.finish({"items": len(items), "model": learner.identity()})


def keep(learner: Lalm, folder: Path) -> None:
    """Save the model, if it is not there already."""
    if not (folder / MODEL_FILE).is_file():
        learner.save(folder)


def items_of(dataset: Path, split: str = "train") -> list[Item]:
    """The items of a dataset, those of one split."""
    return [item for item in open_dataset(dataset) if not split or item.split == split]


def _fingerprint(items: Sequence[Item]) -> str:
    from harken.audio import canonical, digest

    return digest(canonical([item.id for item in items]))
