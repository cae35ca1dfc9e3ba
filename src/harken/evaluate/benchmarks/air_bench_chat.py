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
the last two. The headline (mean of speech, sound, music, mixed) is the paper's average. The script
prints one table a run: ``parts["orders"]`` has both, with the number of lines, the win rate (the
share of lines in which the model's number is above the reference's), and the averages of model and
reference; ``parts["win_rate"]`` and ``parts["reference"]`` are the means of both runs by group.

Traps reproduced: a line that is not two whole numbers up to 10 is left out of its run; numbers
below 1 count; an empty response is judged, a null one is not; a group without a readable line stops
the script (it divides by zero), as do rows without the field and a judge's line that is not text.
Not reproduced: half of the script's requests run at temperature 2.0 by chance. Strict: an item with
an unreadable line or a number outside 1-10, or whose two orders prefer opposite answers, counts as
not judged; an empty response is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers, judgements, material, unsettled
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, row_of, share
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
        "an empty response is judged like any other",
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
        metric = "judge score 1-10"
        first, second = (
            judgements(items, predictions, helpers, column, _prompt(model_first), blank=True)
            for column, model_first in ORDERS
        )
        if first is None or second is None:
            return Official(metric, None, 0, {}, ("not scored: needs --judge",))
        runs = [_read(items, run, bool(n)) for n, run in enumerate((first, second))]
        open_ = unsettled(helpers, _preferences(runs[0]), _preferences(runs[1]), 1)
        scores: dict[str, float | None] = {}
        for key in map(key_of, items):
            own = [pair.model for run in runs if (pair := run.get(key)) is not None]
            scores[key] = sum(own) / len(own) / 10 if own else None
        orders = [_table(run) for run in runs]
        parts, stops = _groups(orders)
        stops = _unjudgeable(items, predictions, helpers) or stops
        value = None if stops else sum(parts[g] for g in FOUR) / len(FOUR)
        faults = _told(items, predictions, runs, scores)
        n = sum(one is not None for one in scores.values())
        return Official(metric, value, n, scores, tuple(faults), parts, stops, open_)


ORDERS = (("gpt-score", False), ("gpt-score-cir", True))
"""The column of each run, and whether the model's answer comes first in it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One readable line of the judge."""

    group: str
    model: int
    reference: int


Run = Mapping[str, Pair | None]


def _read(items: Sequence[Item], run: Mapping[str, str | None], model_first: bool) -> Run:
    """Key -> the line's pair, None for an unreadable one."""
    found: dict[str, Pair | None] = {}
    for item in items:
        key = key_of(item)
        if key not in run:
            continue
        found[key] = None
        if (pair := read_pair(run[key] or "")) is not None:
            model, reference = pair if model_first else pair[::-1]
            found[key] = Pair(GROUPS[row_of(item)["task_name"]], model, reference)
    return found


def _preferences(run: Run) -> dict[str, float | None]:
    """Key -> 1 where the judge prefers the model, -1 the reference, 0 neither; None: no judgement.

    A number outside the scale is none.
    """
    found: dict[str, float | None] = {}
    for key, pair in run.items():
        if pair is None or min(pair.model, pair.reference) < 1:
            found[key] = None
        else:
            found[key] = float((pair.model > pair.reference) - (pair.model < pair.reference))
    return found


FOUR = ("speech", "sound", "music", "mixed")


def _table(run: Run) -> dict[str, dict[str, Any]]:
    """What the script prints of one run: group -> lines, win rate, averages."""
    table: dict[str, dict[str, Any]] = {}
    for group in dict.fromkeys(GROUPS.values()):
        own = [pair for pair in run.values() if pair is not None and pair.group == group]
        table[group] = {
            "n": len(own),
            "win_rate": share([float(pair.model > pair.reference) for pair in own]),
            "model": share([float(pair.model) for pair in own]),
            "reference": share([float(pair.reference) for pair in own]),
        }
    return table


def _groups(orders: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], str]:
    """The means of both runs by group, and why the script would stop."""
    parts: dict[str, Any] = {}
    means: dict[str, dict[str, float]] = {"win_rate": {}, "reference": {}}
    stops = ""
    for name in orders[0]:
        both = [order[name] for order in orders]
        if not all(one["n"] for one in both):
            stops = stops or f"the group {name} has no readable judgement: division by zero"
            continue
        parts[name] = sum(one["model"] for one in both) / 2
        for kind, own in means.items():
            own[name] = sum(one[kind] for one in both) / 2
    for own in (parts, *means.values()):
        if "speech_and_sound" in own and "speech_and_music" in own:
            own["mixed"] = (own["speech_and_sound"] + own["speech_and_music"]) / 2
    shown = dict(zip(("reference_first", "model_first"), orders, strict=True))
    return {**parts, **means, "orders": shown}, stops


def _unjudgeable(items: Sequence[Item], predictions: Predictions, helpers: Helpers) -> str:
    """Why the scripts stop before a group is counted: a row without its field."""
    for key in predictions.rows:
        row = predictions.raw.get(key, {})
        for column, _ in ORDERS:
            if column in row and not isinstance(row[column], str):
                return f"the {column} of {key} is not text"
    if helpers.judge is None or any(column in row for row in predictions.raw.values()
                                    for column, _ in ORDERS):  # fmt: skip
        return ""
    bare = next((key for key in predictions.rows if key not in predictions.texts), None)
    return "" if bare is None else f"the row {bare} has no response"


def _told(
    items: Sequence[Item],
    predictions: Predictions,
    runs: Sequence[Run],
    scores: Mapping[str, float | None],
) -> list[str]:
    """The faults that took effect."""
    faults = []
    failed = sum(pair is None for run in runs for pair in run.values())
    if failed:
        faults.append(f"{failed} judge lines were unreadable and left out")
    below = sum(pair is not None and min(pair.model, pair.reference) < 1
                for run in runs for pair in run.values())  # fmt: skip
    if below:
        faults.append(f"{below} judge lines hold a number below 1 and were taken as they are")
    empty = sum(scores[key] is not None and predictions.get(key) is not None
                and not predictions.text(key).strip() for key in map(key_of, items))  # fmt: skip
    if empty:
        faults.append(f"{empty} empty responses were judged")
    unjudged = sum(one is None for one in scores.values())
    if unjudged:
        faults.append(f"{unjudged} of {len(items)} items have no judged reply and do not count")
    return faults


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
