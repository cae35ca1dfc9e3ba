"""AIR-Bench, foundation part: 19 tasks of speech, sound and music, about 19k choice questions.

Yang et al., "AIR-Bench: Benchmarking Large Audio-Language Models via Generative Comprehension", ACL
2024, arXiv 2402.07729. ``harken score --benchmark air-bench --predictions FILE``. The chat part is
``air-bench-chat``.

Release: ``Foundation_meta.json`` (a list); gold is option text. Predictions: JSON lines with the
rows' fields and ``response`` (a choice letter; the repository first aligns free text to a letter
with GPT-4).

Official rule: line breaks out, then the first character if A-D, else the last but one; the letter
is compared with the first option that equals the gold. Accuracy per (task_name, dataset_name); the
script prints no total: the micro mean over all counted items, given here, is harken's own.

Traps reproduced: unreadable, empty and "None" replies leave the denominator (open issue #8 of the
repository); rows of no task are skipped; a row without ``response``, a null, a task in which
nothing could be read, or a readable reply to a question whose gold is none of its choices stops the
script. Read too: rows without ``uniq_id``, and the repository's ``batch_run_output.jsonl``.
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


class AirBench(Benchmark):
    """See the module's docstring."""

    name = "air-bench"
    title = "AIR-Bench foundation"
    paper = "arXiv 2402.07729"
    rule = "letter by position in the reply, per (task, dataset); the total is harken's (micro)"
    traps = (
        "unreadable and empty replies leave the denominator",
        "a missing response, or a task without a readable reply, stops the script",
    )
    hub = "qyang1021/AIR-Bench-Dataset"
    files = ("Foundation_meta.json", "Foundation/Foundation_meta.json", "*.jsonl")
    key = "uniq_id"
    prediction = ("response",)
    suffixes = (".jsonl",)
    keeps_absent = False
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "path": (str,),
        "question": (str,),
        "choice_a": (str,),
        "choice_b": (str,),
        "answer_gt": (str,),
        "task_name": (str, type(None)),
        "dataset_name": (str,),
    }
    task = "task_name"
    by = ("task_name", "dataset_name")

    def options(self, row: Row) -> list[str]:
        """``choice_a`` … ``choice_d``; c and d may be absent."""
        return [str(row[name]) for name in CHOICES if row.get(name) is not None]

    def answer(self, row: Row) -> str | None:
        """``answer_gt``, a text."""
        return str(row["answer_gt"])

    def audio(self, row: Row) -> list[str]:
        """``<task_name>_<dataset_name>/<path>``; those of Audio_Grounding are .flac, not .wav."""
        path = str(row["path"])
        if row["task_name"] == "Audio_Grounding":
            path = path[:-3] + "flac"
        return [f"{row['task_name']}_{row['dataset_name']}/{path}"]

    def keyed(self, row: Row, number: int) -> Row:
        """Rows without ``uniq_id`` are named by what identifies the question."""
        if row.get("uniq_id") is not None:
            return row
        names = ("task_name", "dataset_name", "path", "question", *CHOICES)
        return {**row, "uniq_id": "/".join(str(row.get(name) or "") for name in names)}

    def submitted(self, item: Item, place: int) -> str:
        """The letter of the option."""
        return choice_letter(row_of(item), item.choices[place])

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy per (task, dataset) over the readable replies."""
        known = {key_of(item): item for item in items}
        scores: dict[str, float | None] = {}
        groups: dict[str, list[float]] = {}
        failed = 0
        for key in predictions.rows:
            row, scores[key] = row_of(known[key]), None
            if row["task_name"] is None:
                continue
            reply = predictions.texts.get(key)
            if not isinstance(reply, str):
                why = f"the row {key} has no response that is text"
                return Official("accuracy", None, 0, {}, stops=why)
            own = groups.setdefault(f"{row['task_name']}_{row['dataset_name']}", [])
            bare = reply.strip().replace("\n", "")
            letter = letter_by_place(bare) if bare and bare != "None" else None
            if letter is None:
                failed += 1
                continue
            gold = next((name for name in CHOICES if row.get(name) == row["answer_gt"]), None)
            if gold is None:
                why = f"the gold of {key} is none of its choices"
                return Official("accuracy", None, 0, {}, stops=why)
            scores[key] = float(letter == gold[-1].upper())
            own.append(float(letter == gold[-1].upper()))
        value, n = micro(scores)
        unread = [name for name, own in groups.items() if not own]
        if unread:
            why = f"no reply of {unread[0]} could be read, and the script needs its total"
            return Official("accuracy", None, n, scores, stops=why)
        faults = []
        if failed:
            faults.append(f"{failed} unreadable or empty replies left the denominator")
        if len(predictions.rows) < len(items):
            faults.append(f"{len(items) - len(predictions.rows)} absent rows do not count")
        parts = {
            name: {"n": len(own), "correct": int(sum(own)), "accuracy": sum(own) / len(own)}
            for name, own in groups.items()
        }
        return Official("accuracy", value, n, scores, tuple(faults), parts)
