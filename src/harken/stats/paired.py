"""Two sets of scored records, paired: the comparison behind audio − none and before/after.

A record is compared only with its partner: same item, same rotation of the choices, same rotation
of the clips. Items are the unit: with several rotations, an item's score is the share of them in
which it is right, so one item never counts as several independent observations.

One inference: interval and p both take recordings, not items, as independent. The interval
resamples recordings; p is the exact sign-flip test in which the items of a recording flip together.
Where every item has a recording of its own and one rotation was asked, that is the exact McNemar
test. McNemar's p over items stands beside it (``p_items``): where items share recordings it takes
one observation for several.
Failed requests have no score and pair with nothing; they are counted by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.stats import measures as stats
from harken.stats.bootstrap import Resampling, numbered
from harken.stats.table import Table, is_scored, table

Record = Mapping[str, Any]
Json = dict[str, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Key = tuple[str, int, int]
"""(item id, rotation of the choices, rotation of the clips)."""
ALL = "all tasks"


def key_of(record: Record) -> Key:
    """What pairs two records; records of older runs have their clips in the item's own order."""
    return record["item"], record["rotation"], record.get("clip_rotation", 0)


def correctness(records: Iterable[Record], condition: str) -> dict[Key, bool]:
    """Right or not for each record under `condition`; failed and hidden ones are left out."""
    return {
        key_of(r): r["outcome"] == "correct"
        for r in records
        if r["condition"] == condition and is_scored(r)
    }


def gold_bits(records: Iterable[Record], condition: str) -> dict[Key, float]:
    """log2 p(gold) for each record under `condition` that has probabilities."""
    return {
        key_of(r): r["logprobs"][r["gold_shown"]] / float(np.log(2))
        for r in records
        if r["condition"] == condition and r.get("logprobs") and r["gold_shown"] >= 0
    }


def clusters(records: Iterable[Record]) -> dict[str, str]:
    """Item id -> the recording it is clustered by."""
    return {r["item"]: str(r["group"]) for r in records}


def by_item(values: Mapping[Key, float]) -> dict[str, float]:
    """Mean over rotations."""
    found: dict[str, list[float]] = {}
    for (item, _, _), value in values.items():
        found.setdefault(item, []).append(float(value))
    return {item: sum(v) / len(v) for item, v in found.items()}


@dataclass(frozen=True, slots=True)
class Paired:
    """A − B over paired items.

    Attributes:
        items: items with at least one pair; 0 leaves every number None.
        difference: mean of the items' differences (of correctness: of shares of right answers).
        low, high: 95 % bootstrap interval, resampling whole recordings.
        p: exact sign-flip test of the mean in which all items of a recording change their sign
            together (`harken.stats.measures.sign_flip_exact` of the sums by recording).
        p_items: the same with every item by itself: McNemar's where scores are 0 or 1.
        p_bootstrap: two-sided, from the same draws (`harken.stats.bootstrap.two_sided`).
        better, worse: ids of the items where A, or B, has the higher score.
    """

    items: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_items: float | None
    p_bootstrap: float | None
    better: tuple[str, ...]
    worse: tuple[str, ...]

    def to_json(self) -> Json:
        """Plain values."""
        return {**asdict(self), "better": list(self.better), "worse": list(self.worse)}


def gap(resampling: Resampling, values: Floats, units: Ints | None = None, block: str = "") -> Json:
    """The numbers of `Paired` as a dict, its interval filled in when `resampling` runs.

    Args:
        resampling: over items.
        values: paired differences, one per item, NaN where nothing is paired.
        units: which items they are of, if not of all in order.
        block: see `harken.stats.bootstrap.Resampling.want`.
    """
    known = values[~np.isnan(values)]
    found: Json = {
        "items": known.size,
        "difference": float(known.mean()) if known.size else None,
        "low": None,
        "high": None,
        "p": None,
        "p_items": None,
    }
    if known.size:
        own = resampling.member if units is None else resampling.member[units]
        sums = np.bincount(own[~np.isnan(values)], weights=known)
        found |= {"p": stats.sign_flip_exact(sums), "p_items": stats.sign_flip_exact(known)}
    resampling.want(values, found, ("low", "high", "p_bootstrap"), units, block)
    return found


def pair(
    a: Mapping[Key, float], b: Mapping[Key, float], groups: Mapping[str, str], seed: int = 0
) -> Paired:
    """Compare `a` with `b` on the keys that both have."""
    shared = [key for key in a if key in b]
    gaps = by_item({key: float(a[key]) - float(b[key]) for key in shared})
    if not gaps:
        return Paired(0, None, None, None, None, None, None, (), ())
    resampling = Resampling(numbered([groups[name] for name in gaps]), seed)
    found = gap(resampling, np.array(list(gaps.values())))
    resampling.run()
    better = tuple(name for name, value in gaps.items() if value > 0)
    worse = tuple(name for name, value in gaps.items() if value < 0)
    return Paired(**found, better=better, worse=worse)


def holm(rows: Sequence[Json], name: str) -> None:
    """Correct ``row[name]`` over `rows` by Holm's rule into ``row[name_holm]``; None stays None."""
    tested = [row for row in rows if row[name] is not None]
    for row in rows:
        row[f"{name}_holm"] = None
    for row, p in zip(tested, stats.holm([row[name] for row in tested]), strict=True):
        row[f"{name}_holm"] = p


def compare(a: Sequence[Record], b: Sequence[Record], condition: str, seed: int = 0) -> list[Json]:
    """B − A under one condition: a row for all tasks, then one for each task.

    ``p_holm`` of the tasks is corrected by Holm's rule over the tasks; the row of all tasks is one
    test and keeps its p. ``a`` and ``b`` are the shares of right answers over the paired records.
    """
    return compare_all(a, b, (condition,), seed)[condition]


def compare_all(
    a: Sequence[Record], b: Sequence[Record], conditions: Sequence[str], seed: int = 0
) -> dict[str, list[Json]]:
    """`compare` under several conditions, all intervals from the same draws."""
    wanted = set(conditions)
    both = [r for records in (b, a) for r in records if r["condition"] in wanted]
    runs = ["b"] * sum(r["condition"] in wanted for r in b)
    runs += ["a"] * (len(both) - len(runs))
    own = table(
        both,
        [f"{run} {r['condition']}" for run, r in zip(runs, both, strict=True)],
        correct_only=True,
    )
    resampling = Resampling(own.member, seed)
    tasks = sorted({r["task"] for r in b})
    found = {name: _rows(own, name, tasks, resampling) for name in conditions}
    resampling.run()
    for rows in found.values():
        for p in ("p", "p_items", "p_bootstrap"):
            holm([row["paired"] for row in rows[1:]], p)
            rows[0]["paired"][f"{p}_holm"] = rows[0]["paired"][p]
            for row in rows:
                row[f"{p}_holm"] = row["paired"].pop(f"{p}_holm")
    return found


def _rows(own: Table, condition: str, names: Sequence[str], resampling: Resampling) -> list[Json]:
    """The rows of one condition, their intervals to be filled in when `resampling` runs."""
    right = {run: _column(own, f"{run} {condition}") for run in ("a", "b")}
    paired = ~np.isnan(right["a"] - right["b"])
    mine = {run: own.by_item(np.where(paired, right[run], np.nan)) for run in ("a", "b")}
    gaps = own.by_item(right["b"] - right["a"])
    tasks = np.array(own.tasks, dtype=object)
    parts = [np.arange(len(tasks)), *(np.flatnonzero(tasks == name) for name in names)]
    rows: list[Json] = []
    for task, items in zip((ALL, *names), parts, strict=True):
        found = gap(resampling, gaps[items], items, str(len(rows)))
        for name, which in (("better", gaps[items] > 0), ("worse", gaps[items] < 0)):
            found[name] = [own.items[i] for i in items[which].tolist()]
        shares = {run: _mean(mine[run][items]) for run in ("a", "b")}
        rows.append({"task": task, **shares, "paired": found})
    return rows


def _column(own: Table, name: str) -> Floats:
    """(K,) scores under a condition; NaN throughout if it was not asked."""
    at = own.column(name)
    return own.right[:, at] if at >= 0 else np.full(len(own.key_item), np.nan)


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
