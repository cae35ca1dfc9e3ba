"""Language-based audio retrieval: AudioCaps and Clotho; a caption retrieves its clip.

DCASE 2022-2024 Task 8 (arXiv 2206.06108). ``harken score --benchmark retrieval --data FILE
--predictions FILE``.

Release: as for ``captioning``: every caption is a query, its clip the relevant one. Keys are the
captions, as in DCASE; a caption of two clips fits both. Predictions: CSV or rows with ``caption``
and ``fname_1`` … ``fname_10`` (or ``ranked``, a list), best first.

Rule: mAP@10, the headline: with one relevant clip, 1 / rank within the first ten; R@1, R@5, R@10:
the share of queries whose clip is among the first. A query without a list counts 0: the denominator
is fixed, so official and strict are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.captioning import clip_key, references
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, predictions_of, reply_rows
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, micro, row_of
from harken.item import Item

DEPTH = 10


class Retrieval(Benchmark):
    """See the module's docstring."""

    name = "retrieval"
    title = "AudioCaps / Clotho retrieval"
    paper = "arXiv 2206.06108"
    rule = "mAP@10 and recall at 1, 5, 10; the denominator is all captions"
    files = ("clotho_captions_evaluation.csv", "*evaluation*.csv", "test.csv", "*.csv", "*.jsonl")
    key = "caption"
    prediction = ("ranked",)
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"clips": (list,)}
    sizes: ClassVar[Mapping[int, str]] = {5225: "Clotho evaluation", 4875: "AudioCaps test"}
    suffixes = (".csv",)
    keeps_absent = False
    fewest = 0
    share = False

    def rows(self, source: Path | str) -> list[Row]:
        """One row per caption with the clips it fits."""
        found: dict[str, Row] = {}
        for number, row in enumerate(super().rows(source)):
            for caption in references(row):
                own = found.setdefault(caption, {"caption": caption, "clips": []})
                own["clips"].append(clip_key(row, number))
        return list(found.values())

    def question(self, row: Row) -> str:
        """The caption."""
        return str(row["caption"])

    def answer(self, row: Row) -> str | None:
        """The clip."""
        return str(row["clips"][0]) if row["clips"] else ""

    def audio(self, row: Row) -> list[str]:
        """The clips that fit."""
        return [str(one) for one in row["clips"]]

    def faults(self, row: Row) -> list[str]:
        """A caption without a clip cannot be found."""
        named = row["clips"] and all(isinstance(one, str) and one for one in row["clips"])
        return [] if named else [f"no names of clips in {row['clips']!r}"]

    def read_predictions(self, path: Path | str) -> Predictions:
        """Ranked lists by caption."""
        rows, notes = reply_rows(Path(path), self.key)
        own = [_ranked(row) for row in rows]
        return predictions_of(own, Path(path), self.key, self.prediction, notes)

    def submission_row(self, item: Item, reply: str) -> Row:
        """The caption and the names of the first ten clips, as in DCASE."""
        ranked = (_list(reply) + [""] * DEPTH)[:DEPTH]
        names = {f"fname_{rank}": name for rank, name in enumerate(ranked, 1)}
        return {"caption": row_of(item)["caption"], **names}

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """The average precision at 10."""
        ranked = _list(predictions.get(key_of(item)))
        return ItemScore(precision_at(ranked, row_of(item)["clips"]), "parsed", "ranked")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """mAP@10; recalls under ``parts``."""
        lists = [_list(predictions.get(key_of(item))) for item in items]
        wanted = [row_of(item)["clips"] for item in items]
        scores: dict[str, float | None] = {
            key_of(item): precision_at(ranked, clips)
            for item, ranked, clips in zip(items, lists, wanted, strict=True)
        }
        value, n = micro(scores)
        parts: dict[str, Any] = {"mAP@10": value}
        for depth in (1, 5, 10):
            hits = sum(bool(set(ranked[:depth]) & set(clips))
                       for ranked, clips in zip(lists, wanted, strict=True))  # fmt: skip
            parts[f"R@{depth}"] = hits / n
        return Official("mAP@10", value, n, scores, parts=parts)


def precision_at(ranked: Sequence[str], wanted: Sequence[str]) -> float:
    """Average precision within the first ten; a clip listed twice counts at its first rank."""
    seen: set[str] = set()
    total = 0.0
    for rank, name in enumerate(ranked[:DEPTH], 1):
        if name in wanted and name not in seen:
            seen.add(name)
            total += len(seen) / rank
    return total / min(len(set(wanted)), DEPTH)


def _ranked(row: Row) -> Row:
    names = sorted((name for name in row if name.startswith("fname_")),
                   key=lambda name: int(name.partition("_")[2] or 0))  # fmt: skip
    return {**row, "ranked": [row[name] for name in names if row[name]]} if names else row


def _list(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    return [piece.strip() for piece in str(value or "").splitlines() if piece.strip()]
