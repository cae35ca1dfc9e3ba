"""Questions on a few tones and words, for runs of whole recipes in smoke size."""

from __future__ import annotations

from pathlib import Path

from harken.corpora.read import read_corpus
from harken.recipes.job import Job, JobOptions
from harken.recipes.registry import RECIPES
from harken.synth.make import make_dataset
from smoke_starter import smoke_starter

FAMILIES = ("identify", "word", "order", "which-clip", "same-sound")


def made(folder: Path, families: tuple[str, ...] = FAMILIES, count: int = 12) -> Path:
    """A dataset on the small starter corpus, made once in `folder`."""
    if not (folder / "corpus" / "starter.json").is_file():
        smoke_starter(folder / "corpus")
    if not (folder / "items" / "dataset.json").is_file():
        make_dataset(
            read_corpus(folder / "corpus"),
            folder / "items",
            families=list(families),
            per_family={"train": count, "test": 4, "dev": 0},
        )
    return folder / "items"


def job(name: str, data: Path, out: Path, model: str = "harken-mini", **more: object) -> Job:
    """A job of a recipe in smoke size, on one thread."""
    plan = RECIPES.get(name).plan(model, "smoke", 0)
    return Job(data, out, model, plan, options=JobOptions("smoke", **more))  # type: ignore[arg-type]
