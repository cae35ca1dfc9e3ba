"""LongAudioBench: questions about audio of 30 s to 5 min (Audio Flamingo 2).

Ghosh et al., "Audio Flamingo 2", arXiv 2503.03983; Audio Flamingo 3 (arXiv 2507.08128) adds speech.
``harken score --benchmark longaudiobench --predictions FILE --judge MODEL``.

Release: a manifest ``{"split", "split_path", "flamingo_task", "total_num", "data": {index: {"name",
"prompt", "output", "duration"}}}`` (2429 items), or rows with these fields. Predictions: rows by
``id`` (the index) with ``prediction``; judgements may be there already, as ``judge`` (reference
first) and ``judge_swapped``.

Official rule: a judge (GPT-4o) gives 1-10 against the reference; the mean, as a percentage (here a
share). The judge's prompt is not published: the wording is harken's, and the first number from 1 to
10 in its reply is read. Missing replies are 0; failed judgements are counted and left out. Strict:
an item whose two orders differ by more than 2 counts as not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers, judgements, material, unsettled
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro
from harken.item import Item


class LongAudioBench(Benchmark):
    """See the module's docstring."""

    name = "longaudiobench"
    title = "LongAudioBench"
    paper = "arXiv 2503.03983"
    rule = "judge 1-10 against the reference, mean as a share"
    traps = ("the judge's prompt is not published; numbers depend on the judge",)
    files = ("*LongAudioBench*.json*", "*test*.json", "*.json", "*.jsonl")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "name": (str,),
        "prompt": (str,),
        "output": (str,),
    }
    by = ("category",)
    sizes: ClassVar[Mapping[int, str]] = {2429: "test"}
    fewest = 0

    def question(self, row: Row) -> str:
        """``prompt``."""
        return str(row["prompt"])

    def answer(self, row: Row) -> str | None:
        """``output``: the reference."""
        return str(row["output"])

    def audio(self, row: Row) -> list[str]:
        """``name``: one path."""
        return [str(row["name"])]

    def judged(self, item: Item) -> bool:
        """All items."""
        return True

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The judge's mean."""
        judged = judgements(items, predictions, helpers, "judge", _prompt(False))
        if judged is None:
            return Official("judge score", None, 0, {}, ("not scored: needs --judge",))
        other = None
        if helpers.orders > 1:
            other = judgements(items, predictions, helpers, "judge_swapped", _prompt(True))
        scores: dict[str, float | None] = {key_of(item): 0.0 for item in items}
        failed = 0
        for key, reply in judged.items():
            number = read_number(reply or "")
            failed += number is None
            scores[key] = None if number is None else number / 10
        value, n = micro(scores)
        faults = (f"{failed} judgements failed and left the denominator",) if failed else ()
        open_ = unsettled(helpers, _numbers(judged), None if other is None else _numbers(other), 2)
        return Official("judge score", value, n, scores, faults, failed=open_)


def read_number(reply: str) -> float | None:
    """The first number from 1 to 10."""
    for hit in re.finditer(r"(?<![\d.])(\d+(?:\.\d+)?)", reply):
        if 1 <= float(hit.group(1)) <= 10:
            return float(hit.group(1))
    return None


def _numbers(judged: Mapping[str, str | None]) -> dict[str, float | None]:
    return {key: read_number(reply or "") for key, reply in judged.items()}


def _prompt(swapped: bool) -> Callable[[Item, str], str]:
    """With the reference before the answer, or after it."""

    def write(item: Item, reply: str) -> str:
        pair = {"reference": item.answer, "answer": reply}
        shown = dict(reversed(pair.items())) if swapped else pair
        return (
            "You judge an answer about long audio against a reference answer.\n"
            + material(question=item.question, **shown)
            + "Write one number from 1 (wrong) to 10 (as good as the reference), and nothing else."
        )

    return write
