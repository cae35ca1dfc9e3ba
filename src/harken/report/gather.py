"""Reads the data of a page: run folders, their items, contributions, curves.

Nothing here calls a model; a copied run folder is enough for everything but the audio.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import DataError, RunError
from harken.item import Contribution, Item
from harken.runs import FIRST, read_run
from harken.shards.info import AUDIO_ROOT

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """One finished evaluation: its run folder as read."""

    folder: Path
    spec: dict[str, Any]
    results: dict[str, Any]
    records: list[dict[str, Any]]

    @property
    def model(self) -> str:
        """The model's name as recorded."""
        return str(self.spec.get("model", "unnamed model"))

    @property
    def dataset(self) -> Path | None:
        """Path of the items, relative to the run folder's place; None if it was not recorded."""
        path = (self.spec.get("dataset") or {}).get("path")
        return None if path is None else Path(os.path.normpath(self.folder / path))

    @property
    def audio_root(self) -> Path | None:
        """Where audio was looked up that is not beside the items; None if it was not given."""
        if not (self.folder / f"{AUDIO_ROOT}.json").is_file():
            return None
        path = str(read_run(self.folder).read_json(AUDIO_ROOT)["path"])
        return Path(os.path.normpath(self.folder / path))

    def by_item(self) -> dict[str, list[dict[str, Any]]]:
        """Item id -> its records, items in the order in which they were asked."""
        found: dict[str, list[dict[str, Any]]] = {}
        for record in self.records:
            found.setdefault(record["item"], []).append(record)
        return found


def read_run_results(folder: Path | str) -> LoadedRun:
    """Read an evaluation's run folder; raises RunError if it is not a finished evaluation."""
    run = read_run(folder)
    if not run.done or not run.path("results.json").is_file():
        raise RunError(
            "this run is not a finished evaluation",
            where=str(folder),
            hint="Run the same `harken eval` again: it resumes where it stopped.",
        )
    return LoadedRun(Path(folder), run.spec, run.read_json("results"), run.records("records"))


@dataclass(frozen=True, slots=True)
class Found:
    """Result of one pass over the dataset: the wanted items, and every item's contribution."""

    items: dict[str, Item]
    contributions: dict[str, tuple[str, Contribution]]
    trouble: str = ""


def find_items(path: Path | None, wanted: Iterable[str]) -> Found:
    """Read the dataset once; a missing or unreadable one is noted on the page, not an error."""
    if path is None:
        return Found({}, {}, "the run does not record where its items are")
    from harken.shards.read import read_items

    keep = set(wanted)
    items: dict[str, Item] = {}
    contributions: dict[str, tuple[str, Contribution]] = {}
    try:
        for item in read_items(path):
            if item.contribution is not None:
                contributions[item.id] = (item.task, item.contribution)
            if item.id in keep:
                items[item.id] = item
    except DataError as error:
        return Found(items, contributions, str(error))
    lost = len(keep - set(items))
    return Found(items, contributions, f"{lost} items are not in the dataset" if lost else "")


def curated(folder: Path) -> dict[str, tuple[str, Contribution]]:
    """Item id -> (task, contribution) of every measured item below `folder`, whatever its label."""
    found: dict[str, tuple[str, Contribution]] = {}
    for name in ("weak", "strong", "undecided"):
        if (folder / name).is_dir():
            found.update(find_items(folder / name, ()).contributions)
    if not found:
        raise DataError(
            "there are no measured items in weak/, strong/ or undecided/",
            where=str(folder),
            hint="Give the folder that `harken curate` wrote.",
        )
    return found


def training_runs(folder: Path) -> list[Path]:
    """The training runs in what ``harken train -o`` wrote: that folder, its stages, or one stage.

    Raises:
        DataError: there is none.
    """
    if (folder / FIRST).is_file():
        return [folder]
    inside = [*folder.glob(f"*/{FIRST}"), *folder.glob(f"training/*/{FIRST}")]
    found = sorted(
        path.parent for path in inside if read_run(path.parent).spec.get("kind") == "train"
    )
    if not found:
        raise DataError(
            "there is no training run here",
            where=str(folder),
            hint="Give the folder that `harken train -o` wrote, or one of its stages.",
        )
    return found


IGNORED = {"step", "epoch", "seed", "lr", "learning_rate", "tokens", "items", "batch"}


def curves(folder: Path, limit: int = 6) -> list[tuple[str, list[tuple[float, float]]]]:
    """(name, [(step, value)]) for up to `limit` numbers recorded in a training run's metrics.

    A run of several stages (records with ``stage``) gives one curve per stage.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for at, record in enumerate(read_run(folder).stream("metrics")):
        stage = f"{record['stage']} " if record.get("stage") else ""
        for key, value in record.items():
            if key in IGNORED or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            found.setdefault(stage + key, []).append((float(record.get("step", at)), float(value)))
    long = [(name, thinned(line)) for name, line in found.items() if len(line) > 1]
    moving = [(name, line) for name, line in long if len({y for _, y in line}) > 1]
    return sorted(moving, key=lambda pair: "loss" not in pair[0])[:limit]


def thinned(line: Sequence[tuple[float, float]], most: int = 300) -> list[tuple[float, float]]:
    """At most `most` points: means of equal segments, the last point unchanged."""
    if len(line) <= most:
        return list(line)
    out = []
    for at in range(most - 1):
        piece = line[at * (len(line) - 1) // (most - 1) : (at + 1) * (len(line) - 1) // (most - 1)]
        out.append((piece[0][0], sum(y for _, y in piece) / len(piece)))
    return [*out, line[-1]]
