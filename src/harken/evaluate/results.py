"""From trials to numbers: a pure function, so a rescored run never asks the model again.

For each task and for all together: accuracy with its 95 % Wilson interval under each condition, the
gain of audio over every other condition (paired, exact McNemar, bootstrap by recording), bits per
question, position bias, outcome counts, and what needs no listening at all: chance, always the
first choice, the longest choice.

Conventions: accuracy = right answers / answered trials. Abstained and unparsable answers are
answered and not right; failed trials (no reply came) are outside the denominator and counted.
With several rotations an item still counts once (its share of right answers), and intervals are
over items. All figures over all tasks are micro (each item weighs the same); ``macro`` is the mean
over tasks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harken.ask import stats
from harken.ask.paired import ALL, by_item, clusters, gold_bits, marks, pair

SCHEMA = 1
OUTCOMES = ("correct", "wrong", "abstained", "unparsable", "failed")

Trial = Mapping[str, Any]


def tabulate(trials: Sequence[Trial], seed: int = 0) -> dict[str, Any]:
    """The whole of ``results.json`` from the trials of one evaluation."""
    conditions = list(dict.fromkeys(t["condition"] for t in trials))
    tasks = sorted({t["task"] for t in trials})
    rows = [_row([t for t in trials if t["task"] == task], conditions, seed) for task in tasks]
    for task, row in zip(tasks, rows, strict=True):
        row["task"] = task
    return {
        "schema": SCHEMA,
        "items": len({t["item"] for t in trials}),
        "trials": len(trials),
        "rotations": len({t["rotation"] for t in trials}),
        "conditions": conditions,
        "overall": {**_row(trials, conditions, seed), "task": ALL},
        "macro": {c: _mean([r["cells"][c]["accuracy"] for r in rows]) for c in conditions},
        "tasks": rows,
    }


def _row(trials: Sequence[Trial], conditions: Sequence[str], seed: int) -> dict[str, Any]:
    one_each = {t["item"]: t for t in trials}.values()
    groups = clusters(trials)
    right = {c: marks(trials, c) for c in conditions}
    bits = {c: gold_bits(trials, c) for c in conditions}
    gains = {}
    for other in conditions:
        if other == "audio" or "audio" not in conditions:
            continue
        gain = pair(right["audio"], right[other], groups, seed).to_json()
        told = pair(bits["audio"], bits[other], groups, seed)
        gains[other] = {
            **gain,
            "bits": {
                "items": told.items,
                "mean": told.difference,
                "low": told.low,
                "high": told.high,
            },
        }
    return {
        "items": len(one_each),
        "chance": _mean([1 / len(t["choices"]) if t["choices"] else None for t in one_each]),
        "floors": _floors(trials),
        "cells": {c: _cell([t for t in trials if t["condition"] == c]) for c in conditions},
        "gains": gains,
    }


def _cell(trials: Sequence[Trial]) -> dict[str, Any]:
    """One task under one condition."""
    counts = Counter(t["outcome"] for t in trials)
    per_item = by_item(
        {
            (t["item"], t["rotation"]): float(t["outcome"] == "correct")
            for t in trials
            if t["outcome"] != "failed"
        }
    )
    accuracy = _mean(list(per_item.values()))
    low, high = (None, None)
    if per_item:
        low, high = stats.wilson(sum(per_item.values()), len(per_item))
    bits = {
        (t["item"], t["rotation"]): t["logprobs"][t["gold_shown"]] / math.log(2)
        for t in trials
        if t.get("logprobs") and t["gold_shown"] >= 0
    }
    return {
        "asked": len(trials),
        "answered": len(trials) - counts["failed"],
        "items": len(per_item),
        "outcomes": {name: counts[name] for name in OUTCOMES},
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "gold_bits": _mean(list(by_item(bits).values())),
        "position": _position(trials),
    }


def _position(trials: Sequence[Trial]) -> dict[str, Any]:
    """How often each shown position was chosen, and how unlikely that is without a bias.

    Only questions of the most common number of options are counted: positions of a yes/no question
    and of a four-way one do not mean the same.
    """
    sizes = Counter(len(t["choices"]) for t in trials if t["choices"])
    size = min((n for n in sizes if sizes[n] == max(sizes.values())), default=0)
    chosen, gold = [0] * size, [0] * size
    for trial in trials:
        if size and len(trial["choices"]) == size and trial["parsed"] in trial["choices"]:
            chosen[trial["choices"].index(trial["parsed"])] += 1
            gold[trial["gold_shown"]] += 1
    p = stats.position_bias(chosen, gold) if sum(chosen) else None
    return {"options": size, "chosen": chosen, "gold": gold, "p": p}


def _floors(trials: Sequence[Trial]) -> dict[str, float | None]:
    """What never listening scores: always the first shown option, always the longest one.

    Options of equal length share the point.
    """
    first, longest = [], []
    for trial in {(t["item"], t["rotation"]): t for t in trials}.values():
        if not trial["choices"]:
            continue
        first.append(float(trial["gold_shown"] == 0))
        lengths = [len(choice) for choice in trial["choices"]]
        best = max(lengths)
        hit = lengths[trial["gold_shown"]] == best
        longest.append(hit / lengths.count(best))
    return {"first": _mean(first), "longest": _mean(longest)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
