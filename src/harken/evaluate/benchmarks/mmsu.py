"""MMSU: massive multi-task spoken language understanding; 47 tasks of perception and reasoning.

Wang et al., "MMSU", arXiv 2506.04779; hub ddwang2000/MMSU. Not the set "mmsu" inside VoiceBench.
``harken score --benchmark mmsu --predictions FILE``.

Release: JSON lines (or a JSON list), 5000 rows; the gold is option *text*. Predictions: the same
rows, as JSON lines, with ``response`` (the prompt asks for the letter only).

Official rule: the first character if it is A-D, else the last but one if it is; the text of that
option is compared with the gold. Accuracy by category x sub-category, and in all.

Traps reproduced: a reply in neither form leaves the denominator; an empty reply or "None" (a
missing field counts as empty) is graded with the *previous* item's letter, and stops the script if
there is none before it; a reply that is not text is skipped; any text that begins with A-D is that
letter ("Both", "Children"); options with equal text are all right. The script reads the prediction
file alone, in its order: absent rows do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.matching import CHOICES, choice_letter, letter_by_place
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro, row_of
from harken.item import Item


class Mmsu(Benchmark):
    """See the module's docstring."""

    name = "mmsu"
    title = "MMSU"
    paper = "arXiv 2506.04779"
    rule = "letter by position in the reply (first, else last but one character)"
    traps = (
        "replies in neither form leave the denominator",
        "an empty reply is graded with the previous item's letter",
        "any text that begins with A-D is that letter",
    )
    hub = "ddwang2000/MMSU"
    files = ("*.jsonl", "*.json", "**/*.parquet")
    prediction = ("response",)
    suffixes = (".jsonl",)
    keeps_absent = False
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "question": (str,),
        "choice_a": (str,),
        "choice_b": (str,),
        "answer_gt": (str,),
        "task_name": (str,),
        "category": (str,),
    }
    task = "task_name"
    by = ("category", "sub-category", "task_name")
    sizes: ClassVar[Mapping[int, str]] = {5000: "test"}

    def options(self, row: Row) -> list[str]:
        """``choice_a`` … ``choice_d``; c and d may be absent."""
        return [str(row[name]) for name in CHOICES if row.get(name) not in (None, "")]

    def answer(self, row: Row) -> str | None:
        """``answer_gt``, a text."""
        return str(row["answer_gt"])

    def audio(self, row: Row) -> list[str]:
        """``audio_path``: one path."""
        return [str(row["audio_path"])] if row.get("audio_path") else []

    def submitted(self, item: Item, place: int) -> str:
        """The letter of the option."""
        return choice_letter(row_of(item), item.choices[place])

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy over what the script could read, in the order of the prediction file."""
        known = {key_of(item): item for item in items}
        scores: dict[str, float | None] = {}
        held = ""
        reused = unread = 0
        for key in predictions.rows:
            item, scores[key] = known[key], None
            reply = predictions.texts.get(key, "")
            if not isinstance(reply, str):
                unread += 1
                continue
            bare = reply.strip().replace("\n", "")
            if bare and bare != "None":
                letter = letter_by_place(bare)
                if letter is None:
                    unread += 1
                    continue
                held = letter
            elif held:
                reused += 1
            else:
                why = f"the reply to {key} is empty and there is no letter before it to reuse"
                return Official("accuracy", None, 0, {}, stops=why)
            scores[key] = float(_text(item, held) == item.answer)
        value, n = micro(scores)
        faults = []
        if reused:
            faults.append(f"{reused} empty replies were graded with the previous item's letter")
        if unread:
            faults.append(f"{unread} unreadable replies left the denominator")
        if len(predictions.rows) < len(items):
            faults.append(f"{len(items) - len(predictions.rows)} absent rows do not count")
        # The script prints 0 where nothing could be read.
        return Official(
            "accuracy", value or 0.0, n, scores, tuple(faults), _by_category(known, scores)
        )


def _text(item: Item, letter: str) -> str:
    """The text of a lettered option; empty where there is none, as the script has it."""
    return str(row_of(item).get(f"choice_{letter.lower()}", ""))


def _by_category(
    known: Mapping[str, Item], scores: Mapping[str, float | None]
) -> dict[str, dict[str, float]]:
    """Category -> sub-category -> accuracy, with the category's own under ``all``."""
    groups: dict[str, dict[str, list[float]]] = {}
    for key, one in scores.items():
        if one is None:
            continue
        row = row_of(known[key])
        own = groups.setdefault(str(row.get("category", "")), {})
        own.setdefault(str(row.get("sub-category", "")), []).append(one)
    return {
        category: {
            **{name: sum(values) / len(values) for name, values in own.items()},
            "all": sum(sum(v) for v in own.values()) / sum(len(v) for v in own.values()),
        }
        for category, own in groups.items()
    }
