"""MMAU-Pro: 49 skills; long, multi-audio, spatial, open and instruction-following items.

Kumar et al., "MMAU-Pro: A Challenging and Comprehensive Benchmark for Holistic Evaluation of Audio
General Intelligence", arXiv 2508.13992; hub gamma-lab-umd/MMAU-Pro.
``harken score --benchmark mmau-pro --predictions FILE --embed NAME --judge MODEL``.

Release: ``test.parquet`` (5305 rows) and ``data.zip``; ``audio_path`` is a *list*. Predictions: the
same table, or rows by ``id``, with ``model_output``.

Official rule, three parts: *closed* (every other category, with more than one choice): the choice
nearest to the reply by embedding (NV-Embed-v2) is the answer; *instruction following*: one of 27
rules (`mmau_pro_rules`); *open*: a judge (Qwen2.5-7B-Instruct) gives 1-5, the item is worth
overall / 5. Total: category scores weighted by category counts.

Departures: any embedding and any judge by name, the judge decoded greedily, with harken's wording
(the answer's form is the script's); NV-Embed-v2 needs its own remote code and is not loaded. The
official number takes the script's order, reference before response; an item whose other order is
unreadable, or more than a point away, counts as not judged in the strict one.

Traps reproduced: rows of one choice are dropped; every reply, even an empty one, is mapped to some
choice; a missing reply to an instruction is the word "None" (and passes "No Commas"); an unreadable
judge reply is worth 3.0 of 5; an overall of exactly 3.0 is recomputed from the four sub-scores;
scores of a judge that marks out of ten enter as they are (strictly, the item is not judged). Not
reproduced: without a prediction column the script scores the gold itself; that is refused here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import (
    Helpers,
    ask_judge,
    material,
    nearest,
    unsettled,
)
from harken.evaluate.benchmarks.mmau_pro_rules import RULES, passes, punkt
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, options_of, row_of
from harken.item import Item

OPEN, FOLLOW = "open", "instruction following"
CRITERIA = ("correctness", "relevance", "completeness", "clarity")
NEUTRAL = 3.0
SLACK = 1.0
"""Points of 5 by which the two orders of the judge may differ."""


class MmauPro(Benchmark):
    """See the module's docstring."""

    name = "mmau-pro"
    title = "MMAU-Pro"
    paper = "arXiv 2508.13992"
    rule = "nearest choice by embedding; rule per instruction; judge 1-5; weighted by counts"
    traps = (
        "an unreadable judge reply is worth 3.0 of 5, above the lowest possible score",
        "rows with one choice are dropped",
        "every reply, even an empty one, is mapped to some choice",
        "a missing reply to an instruction is read as the word None",
    )
    hub = "gamma-lab-umd/MMAU-Pro"
    files = ("test.parquet", "data/test*.parquet", "*.jsonl", "*.json")
    prediction = ("model_output",)
    suffixes = (".parquet",)
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_path": (list, str),
        "question": (str,),
        "answer": (str, type(None)),
        "category": (str,),
    }
    task = "category"
    by = ("category", "task_identifier")
    sizes: ClassVar[Mapping[int, str]] = {5305: "test"}
    fewest = 0
    share = False

    def options(self, row: Row) -> list[str]:
        """The choices of closed rows; open and instruction rows have none."""
        if row["category"] in (OPEN, FOLLOW):
            return []
        choices = row.get("choices")
        return [] if choices is None else [str(one) for one in choices]

    def answer(self, row: Row) -> str | None:
        """The gold; an instruction's reference may be empty."""
        return str(row["answer"] or "")

    def audio(self, row: Row) -> list[str]:
        """``audio_path``: one or more."""
        paths = row["audio_path"]
        return [paths] if isinstance(paths, str) else [str(one) for one in paths]

    def value(self, row: Row, field: str) -> str:
        """A field that is null is an empty value."""
        return str(row.get(field) or "")

    def faults(self, row: Row) -> list[str]:
        """Known identifiers; closed rows have choices."""
        if row["category"] == FOLLOW and row.get("task_identifier") not in RULES:
            return [f"unknown task_identifier {row.get('task_identifier')!r}"]
        if row["category"] not in (OPEN, FOLLOW) and not self.options(row):
            return ["a closed row without choices"]
        return []

    def judged(self, item: Item) -> bool:
        """Open items."""
        return bool(row_of(item)["category"] == OPEN)

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """Closed: the cascade. Instructions: the rule."""
        row = row_of(item)
        if row["category"] != FOLLOW:
            return super().strict_score(item, predictions)
        passed = _passed(row, predictions.text(key_of(item)))
        return ItemScore(float(passed is True), "parsed", str(row["task_identifier"]))

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The weighted total, its categories under ``parts``; None if a part lacks its helper."""
        scores: dict[str, float | None] = {}
        parts: dict[str, dict[str, Any]] = {}
        faults: list[str] = []
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(str(row_of(item)["category"]), []).append(item)
        # The script's order: it decides the last bits of the weighted sum.
        order = [OPEN, FOLLOW, *(name for name in groups if name not in (OPEN, FOLLOW))]
        for name in (name for name in order if name in groups):
            if name == OPEN:
                part = _open(groups[name], predictions, helpers, scores, faults)
            elif name == FOLLOW:
                part = _follow(groups[name], predictions, scores, faults)
            else:
                part = _closed(groups[name], predictions, helpers, scores, faults)
            if part["count"]:
                parts[name] = part
        counted = [part for part in parts.values() if part["score"] is not None]
        stops = next((part["stops"] for part in parts.values() if part.get("stops")), "")
        whole = len(counted) == len(parts) and bool(parts)
        n = sum(part["count"] for part in counted)
        total = sum(part["score"] * part["count"] for part in counted) / n if whole else None
        failed = frozenset(parts.get(OPEN, {}).pop("unread_keys", ()))
        return Official("weighted score", total, n, scores, tuple(faults), parts, stops, failed)


def _passed(row: Row, text: str) -> bool | None:
    """Whether the instruction is followed; None where its parameters stop the script."""
    try:
        return passes(row["task_identifier"], text, row.get("kwargs"), row.get("question") or "")
    except (TypeError, AttributeError):
        return None


def _follow(
    items: Sequence[Item],
    predictions: Predictions,
    scores: dict[str, float | None],
    faults: list[str],
) -> dict[str, Any]:
    passed, missing = [], 0
    for item in items:
        reply = predictions.get(key_of(item))
        missing += reply is None
        own = _passed(row_of(item), str(reply))
        if own is None:
            why = f"the parameters of {key_of(item)} do not fit its rule"
            return {"type": "aif", "count": len(items), "score": None, "stops": why}
        scores[key_of(item)] = float(own)
        passed.append(float(own))
    if missing:
        faults.append(f"{missing} missing replies to instructions were read as the word None")
    counted = sum("Sentences" in str(row_of(item)["task_identifier"]) for item in items)
    if counted and punkt() is None:
        faults.append(
            f"{counted} instructions count sentences: harken's own rule stands in for NLTK's punkt "
            "(to have it: pip install harken[metrics]; python -m nltk.downloader punkt_tab)"
        )
    return {"type": "aif", "count": len(items), "score": float(np.mean(passed))}


def _closed(
    items: Sequence[Item],
    predictions: Predictions,
    helpers: Helpers,
    scores: dict[str, float | None],
    faults: list[str],
) -> dict[str, Any]:
    kept = [item for item in items if len(options_of(item)) > 1]
    name = row_of(items[0])["category"]
    if len(kept) < len(items):
        faults.append(f"{name}: {len(items) - len(kept)} rows with one choice were dropped")
    if helpers.embed is None:
        return {"type": "closed", "count": len(kept), "score": None, "needs": "--embed"}
    empty = 0
    for item in kept:
        reply, options = predictions.text(key_of(item)), options_of(item)
        empty += not reply.strip()
        scores[key_of(item)] = float(options[nearest(helpers.embed, reply, options)] == item.answer)
    if empty:
        faults.append(f"{name}: {empty} empty replies were mapped to some choice")
    right = sum(scores[key_of(item)] or 0.0 for item in kept)
    return {"type": "closed", "count": len(kept), "score": right / len(kept) if kept else None}


def _open(
    items: Sequence[Item],
    predictions: Predictions,
    helpers: Helpers,
    scores: dict[str, float | None],
    faults: list[str],
) -> dict[str, Any]:
    if helpers.judge is None:
        return {"type": "openended", "count": len(items), "score": None, "needs": "--judge"}
    overall: list[float] = []
    correctness: list[float] = []
    wrong: Counter[str] = Counter()
    orders: list[dict[str, float | None]] = []
    for swapped in (False, True)[: helpers.orders]:
        asked = [_prompt(item, predictions.text(key_of(item)), swapped) for item in items]
        replies = ask_judge(helpers, asked)
        read = [read_scores(reply or "") for reply in replies]
        orders.append(
            {key_of(item): None if fault else points["overall"]
             for item, (points, fault) in zip(items, read, strict=True)}
        )  # fmt: skip
        if not swapped:  # the script asks in this order only
            wrong = Counter(fault for _, fault in read)
            overall = [points["overall"] for points, _ in read]
            correctness = [points["correctness"] for points, _ in read]
            scores |= {key_of(item): own / 5 for item, own in zip(items, overall, strict=True)}
    second = orders[1] if len(orders) > 1 else None
    if wrong["absent"]:
        faults.append(f"{wrong['absent']} judge replies lack scores, which were taken as 3.0 of 5")
    if wrong["scale"]:
        faults.append(f"{wrong['scale']} judge replies are not on the scale of 1 to 5 and were "
                      "taken as they are")  # fmt: skip
    good = sum(score >= 4 for score in overall) / len(items)
    poor = sum(score <= 2 for score in overall) / len(items)
    mean = float(np.mean(overall))
    return {
        "type": "openended",
        "count": len(items),
        "score": mean / 5,
        "avg_overall": mean,
        "avg_correctness": float(np.mean(correctness)),
        "good_response_rate": good,
        "poor_response_rate": poor,
        "unread_keys": unsettled(helpers, orders[0], second, SLACK),
    }


def read_scores(reply: str) -> tuple[dict[str, float], str]:
    """The judge's numbers with the script's defaults, and what is wrong with them.

    Returns:
        The five scores as the script reads them, and ``""``; or ``"absent"`` where a default of
        3.0 is part of the overall score; or ``"scale"`` where a number is not from 1 to 5, or is
        out of ten: the script takes it as it is.
    """
    scores, absent, scale = {}, set(), False
    for name in (*CRITERIA, "overall"):
        number = r"(\d+(?:\.\d+)?)" if name == "overall" else r"(\d+)"
        match = re.search(rf"{name}:\s*{number}(\s*(?:/|out of)\s*10\b)?", reply, re.IGNORECASE)
        scores[name] = float(match.group(1)) if match else NEUTRAL
        if match is None:
            absent.add(name)
        else:
            scale |= match.group(2) is not None or not 1 <= scores[name] <= 5
    lacks = bool(absent - {"overall"})
    filled = lacks if scores["overall"] == NEUTRAL else False
    if scores["overall"] == NEUTRAL:
        scores["overall"] = float(np.mean([scores[name] for name in CRITERIA]))
    return scores, "absent" if filled else "scale" if scale else ""


def _prompt(item: Item, reply: str, swapped: bool) -> str:
    """Harken's wording; the lines asked for are those that `read_scores` reads."""
    pair = {"reference": item.answer, "response": reply}
    shown = dict(reversed(pair.items())) if swapped else pair
    return (
        "You judge a response to an open question about audio against a reference.\n"
        + material(question=item.question, **shown)
        + "Give whole numbers from 1 (bad) to 5 (best), each on its own line, in this form:\n"
        "CORRECTNESS: n - why\nRELEVANCE: n - why\nCOMPLETENESS: n - why\nCLARITY: n - why\n"
        "OVERALL: the mean - why"
    )
