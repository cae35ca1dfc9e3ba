"""AIR-Bench, chat part: about 2k open questions, judged against a description of the audio.

Yang et al., ACL 2024, arXiv 2402.07729.
``harken score --benchmark air-bench-chat --predictions FILE --judge MODEL``.

Release: ``Chat_meta.json``; rows with ``meta_info`` (the audio in words), ``question``,
``answer_gt``, ``path``, ``task_name``, ``dataset_name``. Predictions: JSON lines with the rows'
fields and ``response``; the judge's lines may be there already, as ``gpt-score`` (reference
first) and ``gpt-score-cir`` (model first).

Official rule: the judge (gpt-4-0125-preview) gives two whole numbers 1-10, for the reference and
for the model, in one line; asked again with positions swapped; a group's score is the mean of both
runs' means. Groups: speech, sound, music, speech_and_sound, speech_and_music; mixed is the mean of
the last two. The headline (mean of speech, sound, music, mixed) is the paper's average.

Traps reproduced: a line that is not two whole numbers up to 10 is left out of its run; rows without
a response are never judged; a group without a readable line stops the script (it divides by zero).
Not reproduced: half of the script's requests run at temperature 2.0 by chance. Strict: an item with
an unreadable line, or whose two orders prefer opposite answers, counts as not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers, judgements, material, unsettled
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, row_of
from harken.item import Item

GROUPS: Mapping[str, str] = {
    "speech_QA": "speech",
    "speech_dialogue_QA": "speech",
    "sound_QA": "sound",
    "sound_generation_QA": "sound",
    "music_QA": "music",
    "music_generation_analysis_QA": "music",
    "speech_and_sound_QA": "speech_and_sound",
    "speech_and_music_QA": "speech_and_music",
}


class AirBenchChat(Benchmark):
    """See the module's docstring."""

    name = "air-bench-chat"
    title = "AIR-Bench chat"
    paper = "arXiv 2402.07729"
    rule = "judge 1-10 in both orders, mean per group, mean over speech, sound, music and mixed"
    traps = (
        "unreadable judge lines leave the denominator",
        "a group without a readable line stops the script",
    )
    hub = "qyang1021/AIR-Bench-Dataset"
    files = ("Chat_meta.json", "Chat/Chat_meta.json", "*.jsonl")
    key = "uniq_id"
    prediction = ("response",)
    suffixes = (".jsonl",)
    keeps_absent = False
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "path": (str,),
        "question": (str,),
        "answer_gt": (str,),
        "meta_info": (str,),
        "task_name": (str,),
    }
    task = "task_name"
    by = ("group", "task_name")
    fewest = 0
    share = False
    unit = "points"

    def keyed(self, row: Row, number: int) -> Row:
        """Rows without ``uniq_id`` are named by task, path and question."""
        made = f"{row.get('task_name')}/{row.get('path')}/{row.get('question')}"
        return row if row.get("uniq_id") is not None else {**row, "uniq_id": made}

    def answer(self, row: Row) -> str | None:
        """``answer_gt``: the reference."""
        return str(row["answer_gt"])

    def audio(self, row: Row) -> list[str]:
        """Clips are under ``<task_name>_<dataset_name>/<path>``."""
        return [f"{row['task_name']}_{row.get('dataset_name')}/{row['path']}"]

    def value(self, row: Row, field: str) -> str:
        """``group`` follows from the task."""
        if field == "group":
            return GROUPS.get(str(row.get("task_name")), "")
        return super().value(row, field)

    def faults(self, row: Row) -> list[str]:
        """The script knows eight tasks."""
        known = row["task_name"] in GROUPS
        return [] if known else [f"unknown task_name {row['task_name']!r}"]

    def judged(self, item: Item) -> bool:
        """All items."""
        return True

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The mean of four groups on the judge's scale of 1-10."""
        runs = [
            judgements(items, predictions, helpers, column, _prompt(first))
            for column, first in (("gpt-score", False), ("gpt-score-cir", True))
        ]
        if any(run is None for run in runs):
            return Official("judge score 1-10", None, 0, {}, ("not scored: needs --judge",))
        lines: dict[str, list[list[int]]] = {name: [[], []] for name in GROUPS.values()}
        scores: dict[str, float | None] = {}
        first, second = (_preferences(run or {}, bool(n)) for n, run in enumerate(runs))
        open_ = unsettled(helpers, first, second, 1)
        failed = 0
        for item in items:
            own: list[int] = []
            for number, run in enumerate(runs):
                if run is None or key_of(item) not in run:
                    continue
                pair = read_pair(run[key_of(item)] or "")
                if pair is None:
                    failed += 1
                    continue
                own.append(pair[0] if number else pair[1])
                lines[GROUPS[row_of(item)["task_name"]]][number].append(own[-1])
            scores[key_of(item)] = sum(own) / len(own) / 10 if own else None
        parts, stops = _groups(lines)
        value = None if stops else sum(parts[g] for g in FOUR) / len(FOUR)
        faults = []
        if failed:
            faults.append(f"{failed} judge lines were unreadable and left out")
        unjudged = sum(one is None for one in scores.values())
        if unjudged:
            faults.append(f"{unjudged} of {len(items)} items have no judged reply and do not count")
        n = len(items) - unjudged
        return Official("judge score 1-10", value, n, scores, tuple(faults), parts, stops, open_)


def _preferences(run: Mapping[str, str | None], model_first: bool) -> dict[str, float | None]:
    """Key -> 1 where the judge prefers the model, -1 the reference, 0 neither, None unreadable."""
    found: dict[str, float | None] = {}
    for key, line in run.items():
        pair = read_pair(line or "")
        lead = None if pair is None else (pair[0] - pair[1]) * (1 if model_first else -1)
        found[key] = None if lead is None else float((lead > 0) - (lead < 0))
    return found


FOUR = ("speech", "sound", "music", "mixed")


def _groups(lines: Mapping[str, list[list[int]]]) -> tuple[dict[str, Any], str]:
    """Group -> mean of both runs' means, and why the script would stop."""
    parts: dict[str, Any] = {}
    stops = ""
    for name, both in lines.items():
        if not all(both):
            stops = stops or f"the group {name} has no readable judgement: division by zero"
        else:
            parts[name] = sum(sum(run) / len(run) for run in both) / 2
    if "speech_and_sound" in parts and "speech_and_music" in parts:
        parts["mixed"] = (parts["speech_and_sound"] + parts["speech_and_music"]) / 2
    return parts, stops


def read_pair(line: str) -> tuple[int, int] | None:
    """Two whole numbers up to 10, separated by one space; else None."""
    pieces = line.strip().replace("\n", "").split(" ")
    try:
        first, second = (int(piece) for piece in pieces)
    except ValueError:
        return None
    return None if first > 10 or second > 10 else (first, second)


def _prompt(model_first: bool) -> Any:
    """Harken's wording; the line asked for is the one that `read_pair` reads."""

    def write(item: Item, reply: str) -> str:
        answers = [reply, item.answer] if model_first else [item.answer, reply]
        values = material(
            audio=row_of(item)["meta_info"],
            question=item.question,
            answer_1=answers[0],
            answer_2=answers[1],
        )
        return (
            "You compare two answers to a question about audio that is described in words.\n"
            + values
            + "Rate how helpful, relevant, accurate and complete each answer is, from 1 to 10. "
            "Write one line with the two whole numbers, parted by a space, and nothing else."
        )

    return write
