"""Two sets of marked trials, paired: the comparison behind audio − none and before/after.

A trial is compared only with its partner: same item, same rotation of the choices. Items are the
unit: with several rotations, an item is better where it is right in more of them, so that one item
never counts as several independent observations; with one rotation this is the exact McNemar test.
Failed trials have no mark and pair with nothing; they are counted by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harken.ask import stats

Trial = Mapping[str, Any]
Key = tuple[str, int]
"""(item id, rotation)."""
ALL = "all tasks"


def marks(trials: Iterable[Trial], condition: str) -> dict[Key, bool]:
    """Right or not for each answered trial under `condition`; failed trials are left out."""
    return {
        (t["item"], t["rotation"]): t["outcome"] == "correct"
        for t in trials
        if t["condition"] == condition and t["outcome"] != "failed"
    }


def gold_bits(trials: Iterable[Trial], condition: str) -> dict[Key, float]:
    """log2 p(gold) for each trial under `condition` that has probabilities."""
    return {
        (t["item"], t["rotation"]): t["logprobs"][t["gold_shown"]] / float(np.log(2))
        for t in trials
        if t["condition"] == condition and t.get("logprobs") and t["gold_shown"] >= 0
    }


def clusters(trials: Iterable[Trial]) -> dict[str, str]:
    """Item id -> the recording it is clustered by."""
    return {t["item"]: str(t["group"]) for t in trials}


def by_item(values: Mapping[Key, float]) -> dict[str, float]:
    """Mean over rotations."""
    found: dict[str, list[float]] = {}
    for (item, _), value in values.items():
        found.setdefault(item, []).append(float(value))
    return {item: sum(v) / len(v) for item, v in found.items()}


@dataclass(frozen=True, slots=True)
class Paired:
    """A − B over paired items.

    Attributes:
        items: items with at least one pair; 0 leaves every number None.
        difference: mean of the items' differences (for marks: shares of right answers).
        low, high: 95 % bootstrap interval, resampling whole recordings.
        p: exact McNemar (sign test over items that differ).
        better, worse: ids of the items where A resp. B is ahead.
    """

    items: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    better: tuple[str, ...]
    worse: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "better": list(self.better), "worse": list(self.worse)}


def pair(
    a: Mapping[Key, float], b: Mapping[Key, float], groups: Mapping[str, str], seed: int = 0
) -> Paired:
    """Compare `a` with `b` on what both have."""
    shared = [key for key in a if key in b]
    left = by_item({key: a[key] for key in shared})
    right = by_item({key: b[key] for key in shared})
    if not left:
        return Paired(0, None, None, None, None, (), ())
    names = list(left)
    ours, theirs = np.array([left[n] for n in names]), np.array([right[n] for n in names])
    low, high = stats.paired_bootstrap(ours, theirs, [groups[n] for n in names], seed=seed)
    better = tuple(n for n in names if left[n] > right[n])
    worse = tuple(n for n in names if left[n] < right[n])
    return Paired(
        items=len(names),
        difference=float((ours - theirs).mean()),
        low=low,
        high=high,
        p=stats.mcnemar_exact(len(better), len(worse)),
        better=better,
        worse=worse,
    )


def compare(
    a: Sequence[Trial], b: Sequence[Trial], condition: str, seed: int = 0
) -> list[dict[str, Any]]:
    """B − A under one condition: a row for all tasks, then one for each task.

    ``p_holm`` of the tasks is corrected by Holm's rule over the tasks; the row of all tasks is one
    test and keeps its p. ``a`` and ``b`` are the shares of right answers over the paired trials.
    """
    groups, tasks = clusters(b), {t["item"]: t["task"] for t in b}
    ours, theirs = marks(b, condition), marks(a, condition)
    rows: list[dict[str, Any]] = []
    for task in (None, *sorted(set(tasks.values()))):
        mine = {k: v for k, v in ours.items() if k in theirs and task in (None, tasks[k[0]])}
        old = {k: theirs[k] for k in mine}
        rows.append(
            {
                "task": ALL if task is None else task,
                "a": _share(old),
                "b": _share(mine),
                "paired": pair(mine, old, groups, seed).to_json(),
                "p_holm": None,
            }
        )
    rows[0]["p_holm"] = rows[0]["paired"]["p"]
    tested = [row for row in rows[1:] if row["paired"]["p"] is not None]
    for row, p in zip(tested, stats.holm([row["paired"]["p"] for row in tested]), strict=True):
        row["p_holm"] = float(p)
    return rows


def _share(right: Mapping[Key, bool]) -> float | None:
    values = by_item(right).values()
    return sum(values) / len(values) if values else None
