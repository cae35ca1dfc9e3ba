"""Non-speech deafness: are sound events still recognised under overlapping speech?

The effect, models that transcribe speech and miss other sounds, is described in SSEU-Bench (arXiv
2509.13148) and SCENEBench (arXiv 2603.09853); no release with one layout exists. The layout here is
harken's. ``harken score --benchmark deafness --data FILE --predictions FILE``.

Data: rows with ``id``, ``audio``, ``question``, ``choices``, ``answer`` about a sound event,
``pair`` (rows of one pair ask the same about the same event) and ``snr_db`` (event over speech;
null without speech). Each pair has one row without speech, and one or more with.
Predictions: rows by ``id`` with ``prediction``.

Rule: accuracy alone, under speech, and by level; deafness = of the events recognised alone, the
share missed under speech (0: none). The headline is accuracy under speech. Replies by
harken's cascade; missing and unreadable ones are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, row_of, share
from harken.item import Item


class Deafness(Benchmark):
    """See the module's docstring."""

    name = "deafness"
    title = "Non-speech deafness"
    paper = "after arXiv 2509.13148"
    rule = "accuracy on sound events under speech; deafness = missed of those recognised alone"
    files = ("*.jsonl", "*.json", "*.csv")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio": (str,),
        "question": (str,),
        "choices": (list,),
        "answer": (str,),
        "pair": (str, int),
        "snr_db": (int, float, type(None)),
    }
    task = "condition"
    by = ("condition", "snr_db")

    def audio(self, row: Row) -> list[str]:
        """``audio``: one path."""
        return [str(row["audio"])]

    def value(self, row: Row, field: str) -> str:
        """``condition`` follows from the level."""
        if field == "condition":
            return "alone" if row["snr_db"] is None else "under speech"
        return "alone" if row.get(field) is None else f"{float(row[field]):g}"

    def size_faults(self, rows: Sequence[Row]) -> tuple[list[str], list[str]]:
        """Every pair needs one row alone, and one under speech."""
        pairs: dict[str, list[bool]] = {}
        for row in rows:
            pairs.setdefault(str(row.get("pair")), []).append(row.get("snr_db") is None)
        return [
            f"pair {name}: {own.count(True)} rows alone, {own.count(False)} under speech"
            for name, own in pairs.items()
            if own.count(True) != 1 or own.count(False) < 1
        ], []

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy under speech; the rest under ``parts``."""
        scores: dict[str, float | None] = {}
        alone: dict[str, float] = {}
        under_speech: list[tuple[str, str, float]] = []
        for item in items:
            row, text = row_of(item), predictions.text(key_of(item))
            right = float(self.understand(item, text).choice == item.gold)
            scores[key_of(item)] = right
            if row["snr_db"] is None:
                alone[str(row["pair"])] = right
            else:
                under_speech.append((str(row["pair"]), self.value(row, "snr_db"), right))
        recognised = share([right for pair, _, right in under_speech if alone.get(pair)])
        levels = {
            level: share([right for _, own, right in under_speech if own == level])
            for level in sorted({level for _, level, _ in under_speech}, key=float)
        }
        parts: dict[str, Any] = {
            "alone": share(list(alone.values())),
            "under_speech": share([right for _, _, right in under_speech]),
            "deafness": None if recognised is None else 1 - recognised,
            "by_level": levels,
        }
        return Official("accuracy", parts["under_speech"], len(under_speech), scores, parts=parts)
