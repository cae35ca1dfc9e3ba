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
from harken.ask.speaker_turns import cp_errors, turns_in
from harken.ask.word_errors import edits, normalise
from harken.stats.bootstrap import Resampling

TASK, MEETING = "transcribe", "meeting"
"""Tasks whose replies are transcripts: of one voice, and of several with their turns."""


def word_errors(
    records: Sequence[Mapping[str, Any]],
    unit: Mapping[str, int],
    resampling: Resampling,
    task: str = TASK,
) -> dict[str, dict[str, Any]]:
    """Condition -> ``wer`` and its interval, kinds of errors, words, items and failed requests.

    Args:
        records: of an evaluation; those of other tasks are passed over.
        unit: item id -> its number in the resampling.
        resampling: whose `run` writes ``low`` and ``high``: recordings are resampled.
        task: `TASK`, or `MEETING`, whose ``wer`` is cpWER, and whose errors are of one kind only.
    """
    found: dict[str, dict[str, Any]] = {}
    asked: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record["task"] == task and not record["choices"] and normalise(record["answer"]):
            asked.setdefault(record["condition"], []).append(record)
    for condition, own in asked.items():
        answered = [record for record in own if record["outcome"] != "failed"]
        counts = [(_turns if task == MEETING else _counts)(record) for record in answered]
        words = np.array([size for size, _ in counts], dtype=np.int64)
        wrong = np.array([sum(kinds) for _, kinds in counts], dtype=np.float64)
        kinds = np.array([kinds for _, kinds in counts], dtype=np.int64)
        named = ("errors",) if task == MEETING else ("substitutions", "deletions", "insertions")
        summed = kinds.reshape(-1, len(named)).sum(0).tolist()
        cell: dict[str, Any] = {
            "wer": float(wrong.sum() / words.sum()) if len(words) else None,
            **dict(zip(named, summed, strict=True)),
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


def _turns(record: Mapping[str, Any]) -> tuple[int, tuple[int]]:
    """Words of the reference; word errors with the best matching of speakers."""
    gold, said = turns_in(record["answer"]), turns_in(answer_text(record["reply"] or ""))
    wrong, size = cp_errors(gold, said)
    return size, (wrong,)
