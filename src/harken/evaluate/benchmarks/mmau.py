"""MMAU: Massive Multi-task Audio Understanding; sound, music and speech.

Sakshi et al., "MMAU: A Massive Multi-Task Audio Understanding and Reasoning Benchmark", ICLR 2025,
arXiv 2410.19168; version v05.15.25. ``harken score --benchmark mmau --predictions FILE``.

Release: a JSON list, ``mmau-test-mini.json`` (1000 items with answers) or ``mmau-test.json`` (9000,
answers withheld: write a submission file, the space sonalkum/MMAU-Eval scores it). Predictions:
the same rows with ``model_output``; ``model_prediction``, which the README names, is read too.

Official rule: the token-set match (`matching.token_set_match`); accuracy by task, difficulty,
sub-category, and total. Submit bare option text: the rule treats letters as words.

Traps reproduced: a row without ``model_output`` is skipped and leaves the denominator; a null stops
the script, and so does another task or difficulty than the known ones; a gold that is none of the
options is scored all the same. Traps of the data, kept and documented: 27 items repeat an option;
13 have the category ``['Reasoning']`` as text (grouped with Reasoning here); the first option is
right in 39.5 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.matching import token_set_match
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro, options_of, row_of
from harken.item import Item


class Mmau(Benchmark):
    """See the module's docstring."""

    name = "mmau"
    title = "MMAU v05.15.25"
    paper = "arXiv 2410.19168"
    rule = "token-set match on model_output; rows without it leave the denominator"
    traps: ClassVar[tuple[str, ...]] = (
        "rows without the prediction field are skipped, so the denominator shrinks",
        "the order and number of words are ignored; a letter is a word",
        "a null prediction stops the script",
    )
    files: ClassVar[tuple[str, ...]] = ("mmau-test-mini.json", "mmau-test.json")
    prediction = ("model_output", "model_prediction")
    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_id": (str,),
        "question": (str,),
        "choices": (list,),
        "task": (str,),
        "difficulty": (str,),
    }
    task = "task"
    by = ("category", "task", "difficulty", "sub-category")
    sizes: ClassVar[Mapping[int, str]] = {1000: "test-mini", 9000: "test"}
    counts: ClassVar[Mapping[int, Mapping[str, Mapping[str, int]]]] = {
        1000: {
            "task": {"music": 334, "sound": 333, "speech": 333},
            "difficulty": {"medium": 540, "hard": 236, "easy": 224},
            "category": {"Reasoning": 677, "Information Extraction": 323},
        }
    }
    versions: ClassVar[Mapping[str, str]] = {
        "758f58e5184032f8": "test-mini v05.15.25 with every answer among its choices",
    }

    def audio(self, row: Row) -> list[str]:
        """``audio_id``: one path."""
        return [str(row["audio_id"])]

    def value(self, row: Row, field: str) -> str:
        """A category that looks like a printed list is the word in it."""
        return super().value(row, field).strip("[]'\"")

    def answer(self, row: Row) -> str | None:
        """Withheld answers of the test split are absent, null or empty."""
        return super().answer(row) or None

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy over the rows that have the prediction field."""
        return token_set_accuracy(items, predictions, KNOWN)


KNOWN: Mapping[str, tuple[str, ...]] = {
    "task": ("sound", "music", "speech"),
    "difficulty": ("easy", "hard", "medium"),
}
"""Field -> the values that the script counts; another one stops it."""


def token_set_accuracy(
    items: Sequence[Item], predictions: Predictions, known: Mapping[str, Sequence[str]]
) -> Official:
    """The evaluator that MMAU and MMAR share: micro accuracy, rows without the field skipped.

    Args:
        items: those whose gold is none of their options included: the script scores them too.
        predictions: the replies.
        known: field -> the values for which the script has a count; it stops at another.
    """
    scores: dict[str, float | None] = {}
    for item in items:
        key = key_of(item)
        if key not in predictions.texts:
            scores[key] = None
            continue
        reply, row = predictions.texts[key], row_of(item)
        strange = [name for name, values in known.items() if row.get(name) not in values]
        if strange:
            why = f"the {strange[0]} of {key} is {row.get(strange[0])!r}, which the script lacks"
            return Official("accuracy", None, 0, {}, stops=why)
        if not isinstance(reply, str):
            why = f"the reply to {key} is {reply!r}, and the script takes text only"
            return Official("accuracy", None, 0, {}, stops=why)
        scores[key] = float(token_set_match(item.answer, reply, options_of(item)))
    value, n = micro(scores)
    skipped = len(items) - n
    faults = [f"{skipped} of {len(items)} items have no prediction and left the denominator"]
    stops = "" if n else "no row has a prediction: the script divides by zero"
    return Official("accuracy", value, n, scores, tuple(faults if skipped else ()), stops=stops)
