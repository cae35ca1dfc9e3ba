"""MMAR: deep reasoning over speech, sound, music and their mixes.

Ma et al., "MMAR: A Challenging Benchmark for Deep Reasoning in Speech, Audio, Music, and Their
Mix", arXiv 2505.13032; rubrics: Interspeech 2026 Audio Reasoning Challenge, arXiv 2602.14224.
``harken score --benchmark mmar --predictions FILE [--judge MODEL]``.

Release: ``MMAR-meta.jsonl`` (1000 rows; older copies are ``.json``). Predictions: the same rows
with ``answer_prediction`` (older scripts: ``model_prediction``), and ``thinking_prediction`` for
rubrics.

Official rule: MMAU's token-set match; accuracy by modality, category, sub-category, total.

Rubrics (only with a judge): a wrong final answer is 0 without the judge; for a right one the judge
gives each of the item's points (always 5, each 0 or 1) a score, and the item is worth their share.
An item whose judgement fails or is malformed is *not evaluated* and leaves the denominator, as in
the script (which retries up to 20 times; this one asks once, greedily). Reported numbers are of
five runs of the judge, the best and the worst dropped: ``--judge-runs 5``. A deterministic judge
gives five equal runs. It scores against a rubric, so there is no pair to swap.

Traps reproduced: rows without the prediction field are skipped; another modality or category than
the known ones stops the script. Trap of the data: four rows have an empty option, which is kept for
the rule (it adds no word) and not shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers, ask_judge, material, unsettled
from harken.evaluate.benchmarks.mmau import token_set_accuracy
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, row_of, share
from harken.item import Item
from harken.parsing import parse_json

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
        "rubrics: items whose judge call fails leave the denominator",
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
        runs = [
            rubric_scores(judged, predictions, found.scores, helpers, seed)
            for seed in range(helpers.runs)
        ]
        part, lost = _rubric_part(runs)
        faults = found.faults
        if lost:
            faults += (f"rubrics: {lost} judgements failed and left the denominator",)
        return Official("accuracy", found.value, found.n, found.scores, faults, {"rubrics": part})


def _rubric_part(
    runs: Sequence[tuple[dict[str, float | None], int]],
) -> tuple[dict[str, Any], int]:
    """The rubrics' part of the result, and how many judgements failed in all runs together."""
    values = [[v for v in scores.values() if v is not None] for scores, _ in runs]
    lost = sum(len(scores) - len(own) for (scores, _), own in zip(runs, values, strict=True))
    shares = [share(own) for own in values]
    part: dict[str, Any] = {
        "score": shares[0],
        "n": len(values[0]),
        "failed": lost,
        "judge_calls": sum(calls for _, calls in runs),
    }
    if len(runs) > 1:
        known = [value for value in shares if value is not None]
        part |= {"score": rubric_runs(known) if known else None, "runs": shares}
    return part, lost


def rubric_scores(
    items: Sequence[Item],
    predictions: Predictions,
    right: Mapping[str, float | None],
    helpers: Helpers,
    seed: int = 0,
) -> tuple[dict[str, float | None], int]:
    """Key -> share of points; 0 where the answer is wrong, None where the judgement failed."""
    scores: dict[str, float | None] = {
        key_of(item): 0.0 for item in items if right.get(key_of(item)) is not None
    }
    asked = [item for item in items if right.get(key_of(item))]
    replies = ask_judge(helpers, [_prompt(item, predictions) for item in asked], seed=seed)
    for item, reply in zip(asked, replies, strict=True):
        scores[key_of(item)] = None if reply is None else read_points(reply)
    unsettled(helpers, {key_of(item): scores[key_of(item)] for item in asked}, None, 0)
    return scores, len(asked)


def rubric_runs(scores: Sequence[float]) -> float:
    """Five runs, the best and the worst dropped: the mean of the other three."""
    kept = sorted(scores)[1:-1] if len(scores) > 2 else list(scores)
    return sum(kept) / len(kept)


def read_points(reply: str) -> float | None:
    """The share of points in a judge's JSON list; None unless it has five scores of 0 or 1."""
    match = re.search(r"\[.*\]", reply, re.S)
    try:
        points: Any = parse_json(match.group(0)) if match else None
        values = [point["score"] for point in points]
    except (ValueError, TypeError, KeyError):
        return None
    if len(values) != POINTS or any(value not in (0, 1) for value in values):
        return None
    return float(sum(values)) / POINTS


def _prompt(item: Item, predictions: Predictions) -> str:
    """The prompt for the judge: harken's wording, with the script's content."""
    row, key = row_of(item), key_of(item)
    thinking = str(predictions.raw.get(key, {}).get("thinking_prediction") or "")
    values = material(
        question=item.question,
        right_answer=item.answer,
        right_reasoning=row.get("thinking"),
        rubric=row["rubric"],
        reasoning_to_mark=f"{thinking}\n{predictions.text(key)}",
    )
    return (
        "You mark the reasoning of an answer about audio by a rubric of five points.\n"
        + values
        + 'Give a JSON list with one object a point, in order: {"name": …, "score": 0 or 1, '
        '"justification": …}.'
    )
