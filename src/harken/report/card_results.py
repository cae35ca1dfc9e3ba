"""Runs of evaluations as parts of a model card: a row each, and what they do not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import harken.report.words as words
from harken.errors import DataError
from harken.report.gather import LoadedRun, read_run_results
from harken.report.headline import main_condition, widest
from harken.report.reference import controls, gain_over, reference
from harken.runs import FIRST
from harken.stats.paired import Key, clusters, correctness

Json = Mapping[str, Any]

SURE = 0.05
"""Level of the test of a gain."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of right answers or an error rate, with its interval.

    Attributes:
        value: None where nothing was answered.
        low, high: of 95 %, the wider of both intervals; None where there is none.
        items: answered.
    """

    value: float | None
    low: float | None
    high: float | None
    items: int

    @staticmethod
    def of(cell: Json) -> Figure:
        """The share of a cell of ``results.json``."""
        return Figure(cell["accuracy"], *widest(cell), cell["items"])


def share(figure: Figure | None) -> str:
    """``82.5 (78.0–86.1)``, in percent; a dash where there is none."""
    if figure is None or figure.value is None:
        return "–"
    interval = words.interval(figure.low, figure.high)
    return f"{100 * figure.value:.1f}" + (f" ({interval})" if interval != "–" else "")


@dataclass(frozen=True, slots=True)
class ExamPart:
    """One part of an exam: a task of a run.

    Attributes:
        name: of the items' file or folder, with the task where it has several.
        model: that was asked.
        identity: of its weights and settings.
        figures: condition -> share of right answers; of transcripts: word error rate.
        chance: of guessing; None for open questions.
        items: asked.
        gain: of the audio over the control that is hardest to beat (`harken.stats.paired`); empty
            where none was asked, and of error rates.
        over: that control.
        errors: whether the figures are word error rates, of which less is better.
        failed: condition -> requests without a reply, where there are any.
        right: whether each request under the main condition was right, by its key; empty of error
            rates.
        groups: item -> the recording it is clustered by.
    """

    name: str
    model: str
    identity: str
    figures: dict[str, Figure]
    chance: float | None
    items: int
    gain: Json
    over: str
    errors: bool = False
    failed: Mapping[str, int] | None = None
    right: Mapping[Key, float] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> Figure:
        """Under audio, or the first condition that was asked instead of it."""
        return self.figures.get("audio") or next(iter(self.figures.values()))

    def shortfall(self) -> str:
        """Why this part does not show that the model can do it by listening; empty if it does."""
        own = self.main
        if own.value is None:
            return "no question was answered"
        if "audio" not in self.figures:
            return "it was asked without its audio only"
        if self.errors:
            return self._wrong_words()
        if self.chance is not None and (own.low is None or own.low <= self.chance):
            return "not above guessing: chance is within or above the interval"
        if not own.value:
            return "no answer was right"
        if self.gain:
            known = self.gain["p"] is not None and self.gain["p"] < SURE
            if not (known and self.gain["difference"] > 0):
                return f"no proof that the audio is used: not better than under {self.over}"
        return ""

    def _wrong_words(self) -> str:
        own = self.main
        if own.value is not None and own.value >= 0.5:
            return "half of the words or more are wrong"
        others = [self.figures[name] for name in controls(self.figures)]
        if any(f.value is not None and own.value is not None and f.value <= own.value
               for f in others):  # fmt: skip
            return "no fewer words are wrong than without the audio"
        return ""


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """Run folders, and those directly inside of folders that are none.

    Raises:
        DataError: a path is neither.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(one.parent for one in path.glob(f"*/{FIRST}"))
        own = [path] if (path / FIRST).is_file() else inside
        if not own:
            raise DataError(
                "there is no evaluation here",
                where=str(path),
                hint="Give the folder of a run of `harken eval`, or a folder of such folders.",
            )
        found += own
    return found


def read_parts(paths: Sequence[Path]) -> list[ExamPart]:
    """The parts of all runs, in the order of the paths.

    Raises:
        DataError: a path holds no run.
        RunError: a run is not finished.
    """
    return [part for folder in run_folders(paths) for part in _parts(read_run_results(folder))]


def _parts(run: LoadedRun) -> list[ExamPart]:
    tasks = run.results["tasks"]
    source = run.dataset.stem if run.dataset is not None else run.folder.name
    found = []
    for row in tasks:
        name = source if len(tasks) == 1 else f"{source}: {row['task']}"
        over = reference(run.results)
        failed = {c: n for c, cell in row["cells"].items() if (n := cell["outcomes"]["failed"])}
        common: dict[str, Any] = {
            "model": run.model, "identity": str(run.spec.get("identity", "")),
            "items": row["items"], "over": over, "failed": failed,
        }  # fmt: skip
        figures = {c: Figure.of(cell) for c, cell in row["cells"].items()}
        main = main_condition(run.results)
        order = [main, *figures]
        asked = [record for record in run.records if record["task"] == row["task"]]
        right = {key: float(own) for key, own in correctness(asked, main).items()}
        figures = {c: figures[c] for c in dict.fromkeys(order)}
        found.append(ExamPart(name, figures=figures, chance=row["chance"],
                          gain=gain_over(row, over), right=right, groups=clusters(asked),
                          **common))  # fmt: skip
        written = run.results.get("transcripts") or {}
        if row["task"] == "transcribe" and written:
            rates = {
                c: Figure(cell["wer"], cell["low"], cell["high"], cell["items"])
                for c, cell in written.items()
            }
            rates = {c: rates[c] for c in dict.fromkeys(order) if c in rates}
            found.append(ExamPart(f"{name}, word errors", figures=rates, chance=None, gain={},
                              errors=True, **common))  # fmt: skip
    return found
