"""A benchmark: a JSON list of questions about pitch, marked by exact match.

A row is ``{"id": "1", "audio": "a.wav", "question": "…", "choices": ["low", "high"], "answer":
"low", "octave": "3"}``. Run: ``harken --plugin benchmark_pitch.py score -b pitch -p replies.json``
and ``harken --plugin benchmark_pitch.py eval random -b pitch --data pitch.json -o runs/pitch``
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.load import BENCHMARKS
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro
from harken.item import Item


class Pitch(Benchmark):
    """Low or high?"""

    name = "pitch"
    title = "Pitch, low or high"
    about = "whether a tone is low or high"
    paper = "an example"
    rule = "accuracy; a reply must be the option, letter for letter"
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"audio": (str,), "answer": (str,)}
    by = ("octave",)

    def audio(self, row: Row) -> list[str]:
        return [row["audio"]]

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        marks: dict[str, float | None] = {
            key_of(item): float(predictions.text(key_of(item)) == item.answer) for item in items
        }
        value, n = micro(marks)
        return Official("accuracy", value, n, marks)


BENCHMARKS.add(Pitch)
