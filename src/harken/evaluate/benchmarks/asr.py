"""Speech recognition: word and character error rate.

``harken score --benchmark asr --data FILE --predictions FILE``.

Release: LibriSpeech's folders (``*.trans.txt``: an utterance's id and its words), or rows with
``id``, ``audio`` and ``text``. Predictions: rows by ``id`` with ``prediction``.

Rule: (substitutions + deletions + insertions) / words of the references, over all utterances (not
the mean of utterances), as jiwer computes it; CER the same on characters. Twice, each with the name
of its normaliser under ``normaliser``:

- ``plain``, the headline, for every language: lower case, without punctuation (except apostrophes
  within words), one space between words; numbers and spellings stay as they are.
- ``whisper_english`` under ``parts``, for English only: Whisper's normaliser, with which most
  published English numbers are computed ("twenty-seven colours" and "27 colors" are the same);
  of the library whisper_normalizer, or else of transformers, which lacks the list of British
  spellings. A reference that it empties ("hmm") has no words; what is said for it is inserted.

Scripts score the utterances they are given: rows absent from the file do not count (see
``faults``); an empty reply is all deletions. Strict: missing replies are all deletions, and an item
is worth max(0, 1 - its plain WER).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harken.ask.word_errors import edits, normalise
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of
from harken.item import Item
from harken.models.listeners.normaliser import whisper_english
from harken.parsing import read_text, text_lines


class AsrBenchmark(Benchmark):
    """See the module's docstring."""

    name = "asr"
    title = "Speech recognition (WER, CER)"
    paper = "–"
    rule = "corpus WER on plain words, beside it by Whisper's English normaliser; lower is better"
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
            for line in text_lines(read_text(path)):
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
        there = [item for item in items if key_of(item) in predictions.rows]
        scores: dict[str, float | None] = dict.fromkeys(map(key_of, items))
        if not there:
            return Official("WER", None, 0, scores, stops="no utterance has a prediction")
        pairs = [(item.answer, predictions.text(key_of(item))) for item in there]
        parts, own = error_rates(pairs, normalise)
        scores |= dict(zip(map(key_of, there), own, strict=True))
        parts = {"normaliser": PLAIN, **parts, "whisper_english": _by_whisper(pairs)}
        absent = len(items) - len(there)
        faults = (f"{absent} absent rows do not count",) if absent else ()
        return Official("WER", parts["WER"], len(there), scores, faults, parts)


PLAIN = "plain: lower case, without punctuation"


def error_rates(
    pairs: Sequence[tuple[str, str]], normaliser: Callable[[str], str]
) -> tuple[dict[str, Any], list[float | None]]:
    """Corpus WER and CER of (reference, reply) pairs, and each pair's WER.

    A rate is None where no reference has words.
    """
    kinds = [0, 0, 0]
    total = letters = letter_errors = 0
    each: list[float | None] = []
    for reference, reply in pairs:
        gold, predicted = normaliser(reference), normaliser(reply)
        own, size = edits(gold.split(), predicted.split()), len(gold.split())
        kinds = [a + b for a, b in zip(kinds, own, strict=True)]
        total += size
        letters += len(gold)
        letter_errors += sum(edits(gold, predicted))
        each.append(sum(own) / size if size else None)
    return {
        "WER": sum(kinds) / total if total else None,
        "CER": letter_errors / letters if letters else None,
        **dict(zip(("substitutions", "deletions", "insertions"), kinds, strict=True)),
        "words": total,
    }, each


def _by_whisper(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The rates by Whisper's English normaliser, and whose it is; or what they need."""
    found = whisper_english()
    if found is None:
        return {"needs": "pip install harken[metrics]"}
    name, normaliser = found
    return {"normaliser": name, **error_rates(pairs, normaliser)[0]}
