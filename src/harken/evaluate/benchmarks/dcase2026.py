"""DCASE 2026 Challenge, Task 5: audio-dependent question answering.

Questions that passed a filter against answering without audio (silence, common sense of a language
model, perplexity, people); arXiv 2607.18718; hub Harland/ADQA-Bench.
``harken score --benchmark dcase2026 --predictions FILE``.

Release: rows with ``id``, ``audio_path``, ``question_text``, ``multi_choice`` (list of texts) and
``answer`` (text). Development: 1607 items; evaluation: 3000, answers withheld (write a submission
with `harken benchmarks dcase2026 --submit`). Predictions: the rows with ``prediction``.

Official rule: top-1 accuracy over all items (micro). How the organisers read a reply is not
public: here it is right if it equals the gold text without regard to case and outer spaces, which
fits a submission of bare option texts. Missing and other replies are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro
from harken.item import Item


class Dcase2026(Benchmark):
    """See the module's docstring."""

    name = "dcase2026"
    title = "DCASE 2026 Task 5 (ADQA)"
    paper = "arXiv 2607.18718"
    rule = "top-1 accuracy (micro); the reply is the bare option text"
    traps = ("letters and sentences are wrong: submit bare option texts",)
    hub = "Harland/ADQA-Bench"
    files = ("*dev*.json*", "*eval*.json*", "*.jsonl", "*.json", "**/*.parquet")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_path": (str,),
        "question_text": (str,),
        "multi_choice": (list,),
    }
    by = ("question_type", "source")
    sizes: ClassVar[Mapping[int, str]] = {1607: "development", 3000: "evaluation"}

    def question(self, row: Row) -> str:
        """``question_text``."""
        return str(row["question_text"])

    def options(self, row: Row) -> list[str]:
        """``multi_choice``."""
        return [str(one) for one in row["multi_choice"]]

    def answer(self, row: Row) -> str | None:
        """``answer``; absent, null or empty where it is withheld."""
        return super().answer(row) or None

    def audio(self, row: Row) -> list[str]:
        """``audio_path``: one path."""
        return [str(row["audio_path"])]

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy over all items."""
        scores: dict[str, float | None] = {
            key_of(item): float(
                predictions.text(key_of(item)).strip().casefold() == item.answer.strip().casefold()
            )
            for item in items
        }
        value, n = micro(scores)
        return Official("accuracy", value, n, scores)
