"""MMAR: deep reasoning over speech, sound, music and their mixes.

Ma et al., "MMAR: A Challenging Benchmark for Deep Reasoning in Speech, Audio, Music, and Their
Mix", arXiv 2505.13032; rubrics: Interspeech 2026 Audio Reasoning Challenge, arXiv 2602.14224.
``harken score --benchmark mmar --predictions FILE [--judge MODEL]``.

Release: ``MMAR-meta.jsonl`` (1000 rows; older copies are ``.json``). Predictions: the same rows
with ``answer_prediction`` (older scripts: ``model_prediction``), and ``thinking_prediction`` for
rubrics.

Official rule: MMAU's token-set match; accuracy by modality, category, sub-category, total.

Rubrics (only with a judge): a wrong final answer is 0 without the judge; for a right one each of
five raters (``--judge-runs 5``; one by default) gives each of the item's points (always 5, each 0
or 1) a score; a rater's score is the points' share, the item's score the mean without the best and
the worst rater. Each rater is a request of its own, greedy as in the script, which relies on its
server not being deterministic: where all raters said the same, the result says so. A reply that
cannot be read is asked for again, up to twice (20 times in the script). The script leaves out an
item of which one rater failed (``as_script``); ``score`` takes the raters that did not. It scores
against a rubric, so there is no pair to swap.

Traps reproduced: rows without the prediction field are skipped; another modality or category than
the known ones stops the script. Trap of the data: four rows have an empty option, which is kept for
the rule (it adds no word) and not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers, ask_judge, material, unsettled
from harken.evaluate.benchmarks.mmau import token_set_accuracy
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, row_of, share
from harken.item import Item

POINTS = 5
"""Rubric points of every item."""

KNOWN: Mapping[str, tuple[str, ...]] = {
    "modality": (
        "sound", "music", "speech", "mix-sound-music", "mix-sound-speech", "mix-music-speech",
        "mix-sound-music-speech",
    ),
    "category": ("Signal Layer", "Perception Layer", "Semantic Layer", "Cultural Layer"),
}  # fmt: skip
"""Field -> the values that the script counts; another one stops it."""


class Mmar(Benchmark):
    """See the module's docstring."""

    name = "mmar"
    title = "MMAR"
    paper = "arXiv 2505.13032"
    rule = "token-set match on answer_prediction; rows without it leave the denominator"
    traps = (
        "rows without the prediction field are skipped, so the denominator shrinks",
        "rubrics: items of which one rater fails leave the denominator",
    )
    hub = "BoJack/MMAR"
    files = ("MMAR-meta.jsonl", "MMAR-meta.json")
    prediction = ("answer_prediction", "model_prediction", "model_output")
    suffixes = (".jsonl", ".json")
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_path": (str,),
        "question": (str,),
        "choices": (list,),
        "answer": (str,),
        "modality": (str,),
        "category": (str,),
    }
    task = "modality"
    by = ("modality", "category", "sub-category", "language")
    sizes: ClassVar[Mapping[int, str]] = {1000: "test"}
    counts: ClassVar[Mapping[int, Mapping[str, Mapping[str, int]]]] = {
        1000: {
            "modality": {
                "speech": 294, "mix-sound-speech": 218, "music": 206, "sound": 165,
                "mix-music-speech": 82, "mix-sound-music-speech": 24, "mix-sound-music": 11,
            },
            "category": {
                "Semantic Layer": 412, "Perception Layer": 404, "Cultural Layer": 141,
                "Signal Layer": 43,
            },
        }
    }  # fmt: skip

    def audio(self, row: Row) -> list[str]:
        """``audio_path``: one path."""
        return [str(row["audio_path"])]

    def remarks(self, row: Row) -> list[str]:
        """A rubric should have its five points; accuracy does not need it."""
        rubric = row.get("rubric")
        if rubric is not None and len(rubric) != POINTS:
            return [f"a rubric of {len(rubric)} points, not {POINTS}"]
        return []

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy by the token-set match; with a judge, the rubric score under ``parts``."""
        found = token_set_accuracy(items, predictions, KNOWN)
        judged = [item for item in items if row_of(item).get("rubric")]
        if helpers.judge is None or not judged or found.stops:
            return found
        part, notes = _rubrics(_rated(judged, predictions, found.scores, helpers))
        faults = (*found.faults, *notes)
        return Official("accuracy", found.value, found.n, found.scores, faults, {"rubrics": part})


TRIES = 3
"""How often a rater is asked for a reply that can be read."""

_APART = 1000
"""Seeds of a rater's tries are this far apart; seeds of the raters follow each other."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """What all raters gave.

    Attributes:
        wrong: how many items are 0 because their final answer is wrong.
        scores: for each item that was judged, each rater's share of points; None: failed.
        calls: requests to the judge.
        same: whether all raters said the same of every item, word for word.
        raters: how many there were.
    """

    wrong: int
    scores: tuple[tuple[float | None, ...], ...]
    calls: int
    same: bool
    raters: int


def _rated(
    items: Sequence[Item],
    predictions: Predictions,
    right: Mapping[str, float | None],
    helpers: Helpers,
) -> Ratings:
    """Ask all raters about the items whose final answer is right."""
    counted = [item for item in items if right.get(key_of(item)) is not None]
    asked = [item for item in counted if right.get(key_of(item))]
    prompts = [(_prompt(item, predictions), len(row_of(item)["rubric"])) for item in asked]
    calls, columns, read = 0, [], []
    for rater in range(helpers.runs):
        replies, own = _rater(helpers, prompts, rater)
        calls += own
        columns.append(replies)
        read.append([None if reply is None else read_points(reply, size)
                     for reply, (_, size) in zip(replies, prompts, strict=True)])  # fmt: skip
        unsettled(helpers, dict(zip(map(key_of, asked), read[-1], strict=True)), None, 0)
    helpers.tally.runs = helpers.runs
    same = bool(asked) and all(
        len(set(row)) == 1 and None not in row for row in zip(*columns, strict=True)
    )
    wrong, rows = len(counted) - len(asked), tuple(zip(*read, strict=True))
    return Ratings(wrong, rows, calls, same, helpers.runs)


def _rater(
    helpers: Helpers, prompts: Sequence[tuple[str, int]], rater: int
) -> tuple[list[str | None], int]:
    """One rater's replies to (prompt, points) pairs, and the number of requests.

    Unreadable replies are asked for again. Failed requests are not: the judge's own client has
    repeated them. Nor is a reply that comes back word for word.
    """
    replies = ask_judge(helpers, [text for text, _ in prompts], seed=rater)
    calls = len(prompts)
    open_ = list(range(len(prompts)))
    for attempt in range(1, TRIES):
        open_ = [i for i in open_ if (text := replies[i]) is not None
                 and read_points(text, prompts[i][1]) is None]  # fmt: skip
        if not open_:
            break
        seed = rater + attempt * _APART
        again = ask_judge(helpers, [prompts[i][0] for i in open_], seed=seed)
        calls += len(open_)
        changed = [i for i, text in zip(open_, again, strict=True) if text != replies[i]]
        for i, text in zip(open_, again, strict=True):
            replies[i] = text if text is not None else replies[i]
        open_ = changed
    return replies, calls


def _rubrics(given: Ratings) -> tuple[dict[str, Any], list[str]]:
    """The rubrics' part of the result, and what is to be told."""
    zeros = [0.0] * given.wrong
    raters = given.raters
    known = [[one for one in row if one is not None] for row in given.scores]
    items = zeros + [without_extremes(row) for row in known if row]
    whole = zeros + [without_extremes(row) for row in known if len(row) == raters]
    lost = sum(raters - len(row) for row in known)
    unrated = sum(not row for row in known)
    part: dict[str, Any] = {
        "score": share(items),
        "n": len(items),
        "failed": unrated,
        "judge_calls": given.calls,
    }
    if raters > 1:
        own = [
            zeros + [one for row in given.scores if (one := row[rater]) is not None]
            for rater in range(raters)
        ]
        part |= {
            "runs": [share(column) for column in own],
            "raters_failed": lost,
            "as_script": {"score": share(whole), "n": len(whole)},
            "deterministic": given.same,
        }
    notes = []
    if unrated:
        notes.append(f"rubrics: {unrated} items have no judgement and left the denominator")
    if lost and raters > 1:
        left = len(items) + unrated - len(whole)
        notes.append(f"rubrics: {lost} of {raters * len(known)} judgements failed; the script "
                     f"leaves out all {left} items concerned")  # fmt: skip
    if given.same and raters > 1:
        notes.append(f"rubrics: all {raters} runs of the judge gave the same replies (it is "
                     "deterministic): their spread says nothing")  # fmt: skip
    return part, notes


def without_extremes(scores: Sequence[float]) -> float:
    """The mean without the best and the worst of three scores or more; else the mean."""
    kept = sorted(scores)[1:-1] if len(scores) > 2 else list(scores)
    return sum(kept) / len(kept)


def read_points(reply: str, size: int = POINTS) -> float | None:
    """The share of points in a judge's JSON list of `size` objects with a score of 0 or 1.

    The list may stand in prose that has brackets of its own. None if there is none, or several
    that differ.
    """
    found = {points for one in _lists(reply) if (points := _points(one, size)) is not None}
    if len(found) != 1:
        return None
    (points,) = found
    return sum(points) / size


def _lists(text: str) -> Iterator[list[Any]]:
    """The JSON lists in a text, from left to right; not those within another."""
    decoder, place = json.JSONDecoder(), text.find("[")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(text, place)
            yield found
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("[", end)


def _points(values: list[Any], size: int) -> tuple[float, ...] | None:
    """`size` scores of 0 or 1, else None."""
    try:
        points = [value["score"] for value in values]
    except (TypeError, KeyError):
        return None
    fits = all(isinstance(one, int | float) and one in (0, 1) for one in points)
    return tuple(map(float, points)) if len(points) == size and fits else None


def _prompt(item: Item, predictions: Predictions) -> str:
    """The prompt for the judge: harken's wording, with the script's content."""
    row, key = row_of(item), key_of(item)
    size = len(row["rubric"])
    thinking = str(predictions.raw.get(key, {}).get("thinking_prediction") or "")
    values = material(
        question=item.question,
        right_answer=item.answer,
        right_reasoning=row.get("thinking"),
        rubric=row["rubric"],
        reasoning_to_mark=f"{thinking}\n{predictions.text(key)}",
    )
    return (
        f"You mark the reasoning of an answer about audio by a rubric of {size} points.\n"
        + values
        + 'Give a JSON list with one object a point, in order: {"name": …, "score": 0 or 1, '
        '"justification": …}.'
    )
