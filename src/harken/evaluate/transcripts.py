"""Word error rates of the open questions that ask for a transcript (family ``transcribe``).

Being right word for word is too much to ask of a transcript, so its errors are counted, as the
benchmark ``asr`` does: over all words of all items, not the mean of items. An empty reply, an
abstention and an unparsable one are read as they stand: their missing words are deletions. Failed
requests have no reply and are left out, counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harken.ask.parse import answer_text
from harken.ask.word_errors import edits, normalise
from harken.stats.bootstrap import Resampling

TASK = "transcribe"
"""Task whose replies are transcripts."""


def word_errors(
    records: Sequence[Mapping[str, Any]], unit: Mapping[str, int], resampling: Resampling
) -> dict[str, dict[str, Any]]:
    """Condition -> ``wer`` and its interval, kinds of errors, words, items and failed requests.

    Args:
        records: of an evaluation; those of other tasks are passed over.
        unit: item id -> its number in the resampling.
        resampling: whose `run` writes ``low`` and ``high``: recordings are resampled.
    """
    found: dict[str, dict[str, Any]] = {}
    asked: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record["task"] == TASK and not record["choices"] and normalise(record["answer"]):
            asked.setdefault(record["condition"], []).append(record)
    for condition, own in asked.items():
        answered = [record for record in own if record["outcome"] != "failed"]
        counts = [_counts(record) for record in answered]
        words = np.array([size for size, _ in counts], dtype=np.int64)
        wrong = np.array([sum(kinds) for _, kinds in counts], dtype=np.float64)
        kinds = np.array([kinds for _, kinds in counts], dtype=np.int64).reshape(-1, 3).sum(0)
        cell: dict[str, Any] = {
            "wer": float(wrong.sum() / words.sum()) if len(words) else None,
            **dict(zip(("substitutions", "deletions", "insertions"), kinds.tolist(), strict=True)),
            "words": int(words.sum()),
            "items": len(answered),
            "failed": len(own) - len(answered),
        }
        # The rate is a mean over words, so an item counts as often as it has words.
        each = np.repeat(wrong / np.maximum(words, 1), words)
        units = np.repeat(np.array([unit[r["item"]] for r in answered], dtype=np.int64), words)
        resampling.want(each, cell, units=units)
        found[condition] = cell
    return found


def _counts(record: Mapping[str, Any]) -> tuple[int, tuple[int, int, int]]:
    """Words of the reference; substitutions, deletions and insertions of the reply."""
    gold = normalise(record["answer"]).split()
    return len(gold), edits(gold, normalise(answer_text(record["reply"] or "")).split())
