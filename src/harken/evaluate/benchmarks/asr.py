"""Speech recognition: word and character error rate.

``harken score --benchmark asr --data FILE --predictions FILE``.

Release: LibriSpeech's folders (``*.trans.txt``: an utterance's id and its words), or rows with
``id``, ``audio`` and ``text``. Predictions: rows by ``id`` with ``prediction``.

Rule: (substitutions + deletions + insertions) / words of the references, over all utterances (not
the mean of utterances), as jiwer computes it; CER the same on characters. Both sides are
lower-cased, punctuation (except apostrophes within words) is removed and spaces are normalised;
numbers and spellings stay as they are: no language-specific normaliser. Scripts score the
utterances they are given: rows absent from the file do not count (see ``faults``); an empty reply
is all deletions. Strict: missing replies are all deletions, and an item is worth
max(0, 1 - its WER).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of
from harken.item import Item
from harken.parsing import read_text


class AsrBenchmark(Benchmark):
    """See the module's docstring."""

    name = "asr"
    title = "Speech recognition (WER, CER)"
    paper = "–"
    rule = "corpus WER; lower is better; absent rows do not count"
    traps = ("rows absent from the prediction file leave the denominator",)
    files = ("*.jsonl", "*.json", "*.csv", "*.tsv", "**/*.trans.txt")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"text": (str,)}
    by = ("speaker",)
    fewest = 0
    share = False

    def rows(self, source: Path | str) -> list[Row]:
        """LibriSpeech's folders, else rows."""
        folder = Path(str(source))
        found = sorted(folder.rglob("*.trans.txt")) if folder.is_dir() else []
        if not found:
            return super().rows(source)
        rows: list[Row] = []
        for path in found:
            for line in read_text(path).splitlines():
                name, _, text = line.partition(" ")
                audio = (path.parent / f"{name}.flac").relative_to(folder)
                rows.append({"id": name, "text": text, "audio": audio.as_posix(),
                             "speaker": name.split("-")[0]})  # fmt: skip
        return rows

    def question(self, row: Row) -> str:
        """The same for all."""
        return "Write down what is said."

    def answer(self, row: Row) -> str | None:
        """``text``."""
        return str(row["text"])

    def audio(self, row: Row) -> list[str]:
        """``audio``: one path."""
        return [str(row["audio"])] if row.get("audio") else []

    def faults(self, row: Row) -> list[str]:
        """A reference needs words."""
        return [] if normalise(row["text"]) else ["a reference without words"]

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """1 - WER, not below 0."""
        gold, predicted = (
            normalise(item.answer).split(),
            normalise(predictions.text(key_of(item))).split(),
        )
        wrong = sum(edits(gold, predicted))
        return ItemScore(max(0.0, 1 - wrong / len(gold)), "parsed", "wer")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """WER; CER and the kinds of errors under ``parts``."""
        scores: dict[str, float | None] = {}
        kinds = [0, 0, 0]
        total = letters = letter_errors = 0
        for item in items:
            if key_of(item) not in predictions.rows:
                scores[key_of(item)] = None
                continue
            gold, predicted = normalise(item.answer), normalise(predictions.text(key_of(item)))
            own = edits(gold.split(), predicted.split())
            kinds = [a + b for a, b in zip(kinds, own, strict=True)]
            total += len(gold.split())
            letters += len(gold)
            letter_errors += sum(edits(gold, predicted))
            scores[key_of(item)] = sum(own) / len(gold.split())
        n = sum(one is not None for one in scores.values())
        if not n:
            return Official("WER", None, 0, scores, stops="no utterance has a prediction")
        parts: dict[str, Any] = {
            "WER": sum(kinds) / total,
            "CER": letter_errors / letters,
            **dict(zip(("substitutions", "deletions", "insertions"), kinds, strict=True)),
            "words": total,
        }
        faults = (f"{len(items) - n} absent rows do not count",) if n < len(items) else ()
        return Official("WER", parts["WER"], n, scores, faults, parts)


def normalise(text: str) -> str:
    """Lower case, words separated by one space, without punctuation."""
    return " ".join(re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'")))


def edits(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of a minimum edit path from `gold` to `predicted`."""
    # Cell: (errors, substitutions, deletions, insertions); the least errors, then as tuples.
    row = [(j, 0, 0, j) for j in range(len(predicted) + 1)]
    for i, want in enumerate(gold, 1):
        before, row[0] = row[0], (i, 0, i, 0)
        for j, word in enumerate(predicted, 1):
            e, s, d, n = before
            before = row[j]
            if want == word:
                row[j] = (e, s, d, n)
                continue
            up, left = row[j], row[j - 1]
            row[j] = min(
                (e + 1, s + 1, d, n),
                (up[0] + 1, up[1], up[2] + 1, up[3]),
                (left[0] + 1, left[1], left[2], left[3] + 1),
            )
    return row[-1][1:]
