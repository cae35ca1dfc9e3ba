"""Temporal grounding: start and end of a sound event.

Rule and metrics after TimeAudio (arXiv 2511.11039, data FTAR) and TAC (arXiv 2602.15766); their
evaluators are not published. ``harken score --benchmark grounding --data FILE --predictions FILE``.

Data: rows with ``id``, ``audio``, ``question``, ``answer`` (times as text, such as "from 1.2s to
3.4 s", or ``segments``, a list of [start, end] in seconds) and ``duration``. Predictions: rows by
``id`` with ``prediction`` (text with times; seconds, or minutes:seconds).

Rule: the union of the predicted segments against the union of the gold ones: IoU = overlap / union.
R@0.5 and R@0.7: share of items with at least that IoU; mIoU, the headline: their mean; and event
F1: segments paired one to one in order of onset, right within 1 s at the onset. A reply without a
segment has IoU 0, a missing one too: the denominator is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.ask.time_spans import Segments, iou, segments
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, micro, row_of
from harken.item import Item

COLLAR_S = 1.0


class Grounding(Benchmark):
    """See the module's docstring."""

    name = "grounding"
    title = "Temporal grounding"
    paper = "after arXiv 2511.11039"
    rule = "mIoU of the unions of segments; R@0.5, R@0.7 and event F1 under parts"
    files = ("*.jsonl", "*.json", "*.csv")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"audio": (str,), "question": (str,)}
    by = ("event",)
    fewest = 0
    share = False

    def answer(self, row: Row) -> str | None:
        """The gold as text."""
        return ", ".join(f"{start:g} to {end:g} s" for start, end in gold_segments(row))

    def audio(self, row: Row) -> list[str]:
        """``audio``: one path."""
        return [str(row["audio"])]

    def faults(self, row: Row) -> list[str]:
        """Gold segments must be there, forward, and within the clip."""
        gold = gold_segments(row)
        if not gold:
            return [f"no segment in the gold {row.get('segments', row.get('answer'))!r}"]
        end = float(row.get("duration") or float("inf"))
        return [f"the segment {a:g} to {b:g} s is not within 0 to {end:g} s, forward"
                for a, b in gold if not 0 <= a < b <= end]  # fmt: skip

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """The IoU."""
        predicted = segments(predictions.text(key_of(item)))
        if not predicted:
            return ItemScore(0.0, "unparsable", "no-segment")
        return ItemScore(iou(predicted, gold_segments(row_of(item))), "parsed", "segments")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """mIoU, recall and event F1."""
        scores: dict[str, float | None] = {}
        hits = predicted_count = gold_count = 0
        for item in items:
            predicted = segments(predictions.text(key_of(item)))
            gold = gold_segments(row_of(item))
            scores[key_of(item)] = iou(predicted, gold)
            hits += onsets_met(predicted, gold)
            predicted_count += len(predicted)
            gold_count += len(gold)
        value, n = micro(scores)
        known = [one or 0.0 for one in scores.values()]
        parts: dict[str, Any] = {
            "mIoU": value,
            "R@0.5": sum(one >= 0.5 for one in known) / max(1, n),
            "R@0.7": sum(one >= 0.7 for one in known) / max(1, n),
            "event_f1": 2 * hits / max(1, predicted_count + gold_count),
        }
        return Official("mIoU", value, n, scores, parts=parts)


def gold_segments(row: Row) -> Segments:
    """``segments``, else the times in ``answer``."""
    given = row.get("segments")
    if isinstance(given, list):
        return sorted((float(start), float(end)) for start, end in given)
    return segments(str(row.get("answer") or ""))


def onsets_met(predicted: Segments, gold: Segments) -> int:
    """How many spans match in order of onset, with onsets within the collar."""
    met = place = 0
    for start, _ in gold:
        while place < len(predicted) and predicted[place][0] < start - COLLAR_S:
            place += 1
        if place < len(predicted) and predicted[place][0] <= start + COLLAR_S:
            met += 1
            place += 1
    return met
