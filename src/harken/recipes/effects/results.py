"""From the lines of a study's runs to its results: cells, means with intervals, and its claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.recipes.effects.study import Claim
from harken.stats.crossed import CrossedInterval, CrossedSums, crossed

Json = dict[str, Any]
Place = tuple[str, str]
"""(exam, condition)."""
DIGITS = 6
LEAST_SEEDS = 5
"""Seeds of a claim without which there is no verdict."""


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One finished run: an arm, a seed, and its lines (`harken.recipes.effects.study.ExamLine`)."""

    arm: str
    seed: int
    lines: Sequence[Mapping[str, Any]]


def summarised(claims: Sequence[Claim], plan: Mapping[str, Any], runs: Sequence[ArmRun]) -> Json:
    """The results of finished runs.

    Returns:
        ``seeds`` (by arm), ``cells`` (n and right of every arm, seed, exam and condition),
        ``means`` (over seeds and recordings, with 95 % intervals; of each exam, and of each of its
        tasks where there are several) and ``claims`` (difference, interval, verdict).
    """
    tables = _Tables(runs)
    arms = [arm["name"] for arm in plan["arms"]]
    return {
        "seeds": {arm: tables.seeds(arm) for arm in arms},
        "cells": list(_cells(arms, runs)),
        "means": [row for arm in arms for row in _means(tables, arm)],
        "claims": [_claim(claim, tables) for claim in claims],
    }


class _Tables:
    """The lines of all runs as sums by seed and recording."""

    def __init__(self, runs: Sequence[ArmRun]) -> None:
        """Sort the runs by arm and seed."""
        self._runs = {(run.arm, run.seed): run for run in runs}
        self.places: dict[str, dict[Place, list[str]]] = {}
        self._groups: dict[str, list[str]] = {}
        found: dict[str, set[str]] = {}
        for run in runs:
            own = self.places.setdefault(run.arm, {})
            for line in run.lines:
                tasks = own.setdefault((line["exam"], line["condition"]), [])
                if line["task"] not in tasks:
                    tasks.append(line["task"])
                found.setdefault(line["exam"], set()).add(line["group"])
        self._groups = {exam: sorted(names) for exam, names in found.items()}

    def seeds(self, arm: str) -> list[int]:
        """The seeds of an arm that are done."""
        return sorted(seed for name, seed in self._runs if name == arm)

    def groups(self, exams: Sequence[str]) -> list[str]:
        """The recordings of some exams."""
        return sorted({group for exam in exams for group in self._groups.get(exam, ())})

    def sums(
        self,
        sign: int,
        arm: str,
        place: Place,
        seeds: Sequence[int],
        groups: Sequence[str],
        task: str = "",
    ) -> CrossedSums:
        """The sums of one figure, of one task or of all."""
        at = {group: i for i, group in enumerate(groups)}
        right, asked = np.zeros((2, len(seeds), len(groups)))
        for row, seed in enumerate(seeds):
            for line in self._runs[(arm, seed)].lines:
                if (line["exam"], line["condition"]) == place and task in ("", line["task"]):
                    right[row, at[line["group"]]] += line["right"]
                    asked[row, at[line["group"]]] += line["n"]
        return CrossedSums(sign, right, asked)


def _cells(arms: Sequence[str], runs: Sequence[ArmRun]) -> Iterator[Json]:
    for run in sorted(runs, key=lambda run: (arms.index(run.arm), run.seed)):
        sums: dict[Place, list[float]] = {}
        for line in run.lines:
            own = sums.setdefault((line["exam"], line["condition"]), [0.0, 0.0])
            own[0] += line["n"]
            own[1] += line["right"]
        for (exam, condition), (n, right) in sums.items():
            yield {
                "arm": run.arm,
                "seed": run.seed,
                "exam": exam,
                "condition": condition,
                "n": int(n),
                "right": round(right, DIGITS),
            }


def _means(tables: _Tables, arm: str) -> Iterator[Json]:
    seeds = tables.seeds(arm)
    for (exam, condition), tasks in tables.places.get(arm, {}).items():
        groups = tables.groups([exam])
        for task in ("", *(sorted(tasks) if len(tasks) > 1 else ())):
            sums = tables.sums(1, arm, (exam, condition), seeds, groups, task)
            yield {
                "arm": arm,
                "exam": exam,
                "condition": condition,
                "task": task,
                **_rounded(crossed([sums])),
                "n": int(sums.asked.sum()),
                "seeds": len(seeds),
            }


def _claim(claim: Claim, tables: _Tables) -> Json:
    """The claim on the seeds in which all of its arms are done."""
    arms = {arm: None for _, arm, _, _ in claim.terms}
    seeds = sorted(set.intersection(*({*tables.seeds(arm)} for arm in arms)))
    groups = tables.groups([exam for _, _, exam, _ in claim.terms])
    bound = claim.above if claim.above is not None else claim.below
    told = {
        "text": claim.text,
        "source": claim.source,
        "unit": claim.unit,
        "bound": bound,
        "expected": "above" if claim.above is not None else "below",
        "seeds": seeds,
    }
    if not seeds:
        empty: Json = {"value": None, "low": None, "high": None, "by_seed": []}
        return {**told, **empty, "verdict": "not run"}
    sums = [
        tables.sums(sign, arm, (exam, condition), seeds, groups)
        for sign, arm, exam, condition in claim.terms
    ]
    found = crossed(sums)
    return {**told, **_rounded(found), "verdict": verdict(claim, found)}


def verdict(claim: Claim, found: CrossedInterval) -> str:
    """``supported``, ``contradicted``, or ``undecided``: where the interval lies to the bound.

    With fewer than `LEAST_SEEDS` seeds, whose spread cannot be told, it is ``too few seeds``.
    """
    if len(found.by_seed) < LEAST_SEEDS or found.low is None or found.high is None:
        return "too few seeds"
    if claim.above is not None:
        return _side(found.low > claim.above, found.high < claim.above)
    assert claim.below is not None
    return _side(found.high < claim.below, found.low > claim.below)


def _side(beyond: bool, short: bool) -> str:
    return "supported" if beyond else "contradicted" if short else "undecided"


def _rounded(found: CrossedInterval) -> Json:
    def cut(value: float | None) -> float | None:
        return None if value is None else round(value, DIGITS) + 0.0

    return {
        "value": cut(found.value),
        "low": cut(found.low),
        "high": cut(found.high),
        "by_seed": [cut(value) for value in found.by_seed],
    }
