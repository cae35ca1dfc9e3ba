"""Reads what ``harken train -o`` wrote: its stages in order, their curves, and the card.

Nothing here calls a model; a copied folder is enough for everything but the audio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import DataError, RunError
from harken.labels import tails
from harken.parsing import load_json
from harken.report.gather import training_runs
from harken.runs import FIRST, read_run

Json = dict[str, Any]
Record = Mapping[str, Any]

CARD, HELD_OUT = "card.json", "held-out"
"""What `harken train` writes beside the runs of its stages."""


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage: its settings, and what was written at each step and evaluation.

    Attributes:
        name: of the stage; `kind`: which stage it is (``sft``).
        settings: as the run records them.
        before: steps of the stages before it.
        metrics: records of its steps.
        evaluations: records of its evaluations.
        items: how many it was trained on; None while it is not complete.
        min_gap: hearing gap below which it would be stopped; 0: none.
        stopped: why it was ended before its last step; empty if it was not.
        done: whether the run is complete.
    """

    name: str
    kind: str
    settings: Record
    before: int
    metrics: Sequence[Record]
    evaluations: Sequence[Record]
    items: int | None
    min_gap: float
    stopped: str
    done: bool

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        last = [int(record["step"]) + 1 for record in self.metrics[-1:]]
        last += [int(record["step"]) for record in self.evaluations[-1:]]
        return max(last, default=0)

    @property
    def heard(self) -> list[tuple[int, Json]]:
        """(step of the whole training, hearing gap and its companions) of each evaluation."""
        return [(self.before + r["step"], r["hearing"]) for r in self.evaluations if "hearing" in r]


@dataclass(frozen=True, slots=True)
class Training:
    """One training.

    Attributes:
        name: the shortest end of its path that tells it from the others.
        folder: what ``harken train -o`` was given.
        stages: in the order in which they were run.
        card: the regression card; None where there is none.
    """

    name: str
    folder: Path
    stages: Sequence[StageRun]
    card: Json | None

    @property
    def heard(self) -> list[tuple[int, Json]]:
        """The evaluations of all stages, by step of the whole training."""
        return [pair for stage in self.stages for pair in stage.heard]

    @property
    def stopped(self) -> str:
        """Why it was ended; empty if it was not."""
        return next((stage.stopped for stage in self.stages if stage.stopped), "")

    @property
    def measurements(self) -> list[Path]:
        """The finished measurements of held-out items: before, after."""
        here = [self.folder / HELD_OUT / name for name in ("before", "after")]
        return [one for one in here if (one / FIRST).is_file() and read_run(one).done]


def is_training(folder: Path) -> bool:
    """Whether a folder holds a training: what ``harken train -o`` wrote, or one of its stages."""
    try:
        runs = training_runs(folder)
    except (DataError, RunError):
        return False
    return all(read_run(run).spec.get("kind") == "train" for run in runs)


def read_trainings(folders: Sequence[Path]) -> list[Training]:
    """Read each training.

    Raises:
        DataError: a folder has no training run.
    """
    return [
        _read(name, folder) for name, folder in zip(tails(folders), map(Path, folders), strict=True)
    ]


def _read(name: str, folder: Path) -> Training:
    stages: list[StageRun] = []
    steps = 0
    for run in in_order(training_runs(folder)):
        stages.append(_stage(run, steps))
        steps += stages[-1].steps
    card = folder / CARD
    return Training(name, folder, stages, load_json(card) if card.is_file() else None)


def _stage(folder: Path, before: int) -> StageRun:
    run = read_run(folder)
    settings = run.spec.get("settings") or {}
    summary = run.summary if run.done else {}
    return StageRun(
        name=str(settings.get("name") or folder.name),
        kind=str(run.spec.get("stage", "")),
        settings=settings,
        before=before,
        metrics=run.records("metrics"),
        evaluations=run.records("evaluations"),
        items=summary.get("items"),
        min_gap=float((run.spec.get("hearing") or {}).get("min_gap", 0)),
        stopped=str(summary.get("stopped", "")),
        done=run.done,
    )


def in_order(folders: Sequence[Path]) -> list[Path]:
    """Stages in the order in which they were run: each starts with the model that one ended with.

    Those that cannot be placed come last, by name.
    """
    runs = {folder: read_run(folder) for folder in folders}
    starts = {folder: run.spec.get("start") for folder, run in runs.items()}
    ends = {folder: run.summary.get("model") for folder, run in runs.items() if run.done}
    left = sorted(folders)
    found: list[Path] = []
    while left:
        made = {ends[other] for other in left if other in ends}
        first = [one for one in left if starts[one] is None or starts[one] not in made]
        found.append((first or left)[0])
        left.remove(found[-1])
    return found
