"""From scored records to ``results.json``: seconds by size, and against the plain way.

Run: ``OMP_NUM_THREADS=1 python benchmarks/tabulate_results.py [--items 1000 10000] [--repeats 5]``

Each item is asked under 4 conditions (audio, none, silence, swap), with probabilities, over 8
tasks, two items a recording. `tabulate` makes the whole of ``results.json``: every cell with both
intervals, every gain with interval and p-values, consistency, calibration, position bias, floors.

The baseline is what most scripts do, with numpy where they have it: for each task and condition,
filter the list of records, pair by a dict, and bootstrap that one comparison (`scipy.stats`
binomtest for McNemar; draws of clusters as an index array, as in `scipy.stats.bootstrap` with
``vectorized``, 2000 draws). It makes only the accuracies and gains in scores and bits, each with
one interval, so the ratio flatters it. Both run on the same records in turn; medians are given.
That their figures are the same is checked on the way.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from harken.evaluate.results import tabulate
from harken.stats.bootstrap import DRAWS
from harken.stats.measures import wilson
from harken.stats.paired import compare_all

CONDITIONS = ("audio", "none", "silence", "swap")
TASKS = 8
WORDS = ("dog bark", "church bells", "rain", "siren")
Records = Sequence[Mapping[str, Any]]


def synthetic(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """`count` items under four conditions, with 1 % failed and 2 % unparsable answers."""
    rng = np.random.default_rng([seed, count])
    records = []
    for condition in CONDITIONS:
        for i in range(count):
            gold = i % 4
            logits = rng.normal(size=4)
            logits[gold] += 2.0 if condition == "audio" else 0.3
            logits -= np.log(np.exp(logits).sum())
            pick, luck = int(np.argmax(logits)), rng.random()
            outcome = "correct" if pick == gold else "wrong"
            outcome = "failed" if luck < 0.01 else "unparsable" if luck < 0.03 else outcome
            records.append(
                {
                    "item": f"item-{i:07d}",
                    "task": f"task-{i % TASKS}",
                    "group": f"recording-{i // 2}",
                    "condition": condition,
                    "rotation": 0,
                    "clip_rotation": 0,
                    "clips": 0 if condition == "none" else 1,
                    "heard": 1,
                    "choices": list(WORDS),
                    "order": [0, 1, 2, 3],
                    "answer": WORDS[gold],
                    "gold": gold,
                    "gold_shown": gold,
                    "parsed": WORDS[pick] if outcome in ("correct", "wrong") else None,
                    "logprobs": None
                    if outcome == "failed"
                    else [round(float(x), 6) for x in logits],
                    "outcome": outcome,
                }
            )
    return records


def plain(records: Records) -> dict[str, Any]:
    """The baseline: each task and comparison for itself."""
    rows = {}
    for task in ("all tasks", *sorted({t["task"] for t in records})):
        own = [t for t in records if task in ("all tasks", t["task"])]
        groups = {t["item"]: t["group"] for t in own}
        cells, gains = {}, {}
        for condition in CONDITIONS:
            right = marks(own, condition)
            low, high = wilson(sum(right.values()), len(right))
            cells[condition] = {
                "accuracy": sum(right.values()) / len(right), "low": low, "high": high,
                "cluster": bootstrap(list(right.values()), [groups[i] for i in right]),
            }  # fmt: skip
        for condition in CONDITIONS[1:]:
            gains[condition] = {
                name: gain(of(own, "audio"), of(own, condition), groups)
                for name, of in (("marks", marks), ("bits", bits))
            }
        rows[task] = {"cells": cells, "gains": gains}
    return rows


def marks(records: Records, condition: str) -> dict[str, float]:
    return {
        t["item"]: float(t["outcome"] == "correct")
        for t in records
        if t["condition"] == condition and t["outcome"] != "failed"
    }


def bits(records: Records, condition: str) -> dict[str, float]:
    return {
        t["item"]: t["logprobs"][t["gold_shown"]] / np.log(2)
        for t in records
        if t["condition"] == condition and t["logprobs"]
    }


def gain(a: dict[str, float], b: dict[str, float], groups: dict[str, str]) -> dict[str, Any]:
    gaps = {item: a[item] - b[item] for item in a if item in b}
    better, worse = sum(v > 0 for v in gaps.values()), sum(v < 0 for v in gaps.values())
    p = binomtest(better, better + worse).pvalue if better + worse else 1.0
    interval = bootstrap(list(gaps.values()), [groups[i] for i in gaps])
    return {"difference": sum(gaps.values()) / len(gaps), "p": float(p), "interval": interval}


def bootstrap(values: list[float], groups: list[str], draws: int = DRAWS) -> tuple[float, float]:
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[name] for name in groups])
    sums = np.bincount(member, weights=values)
    sizes = np.bincount(member)
    rng = np.random.default_rng(0)
    means = []
    for start in range(0, draws, 100):  # memory: all indices at once would be 80 MB and more
        picked = rng.integers(0, len(names), size=(min(100, draws - start), len(names)))
        means.append(sums[picked].sum(axis=1) / sizes[picked].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """Checks that the figures are the same; returns how far apart the furthest edges are."""
    furthest = 0.0
    for row in (ours["overall"], *ours["tasks"]):
        other = theirs[row["task"]]
        for name, cell in row["cells"].items():
            mine = other["cells"][name]
            assert abs(cell["accuracy"] - mine["accuracy"]) < 1e-12, (row["task"], name)
            edges = zip((cell["cluster_low"], cell["cluster_high"]), mine["cluster"], strict=True)
            furthest = max(furthest, *(abs(a - b) for a, b in edges))
        for name, found in row["gains"].items():
            mine = other["gains"][name]
            assert abs(found["difference"] - mine["marks"]["difference"]) < 1e-12
            assert abs(found["p"] - mine["marks"]["p"]) < 1e-9
            assert abs(found["bits"]["mean"] - mine["bits"]["difference"]) < 1e-9
            edges = zip((found["low"], found["high"]), mine["marks"]["interval"], strict=True)
            furthest = max(furthest, *(abs(a - b) for a, b in edges))
    return furthest


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plain-to", type=int, default=10_000, help="largest size of the baseline")
    asked = parser.parse_args()
    tabulate(synthetic(50))  # scipy.special is imported once
    print(f"{DRAWS} draws; medians of {asked.repeats}; seconds")
    print(f"{'items':>8} {'records':>8} {'harken':>8} {'/ 1k items':>11} {'plain':>8} {'ratio':>7}")
    for count in asked.items:
        records = synthetic(count)
        ours, theirs, apart = [], [], 0.0
        for _ in range(asked.repeats):
            seconds, found = timed(lambda own=records: tabulate(own))
            ours.append(seconds)
            if count <= asked.plain_to:
                seconds, other = timed(lambda own=records: plain(own))
                theirs.append(seconds)
                apart = same(found, other)
        mine = statistics.median(ours)
        line = f"{count:>8,} {len(records):>8,} {mine:>8.3f} {1000 * mine / count:>11.4f}"
        if theirs:
            yours = statistics.median(theirs)
            line += f" {yours:>8.2f} {yours / mine:>7.1f}   furthest edges apart {apart:.3f}"
        print(line)
    compared(
        asked.items[-1] if asked.plain_to not in asked.items else asked.plain_to, asked.repeats
    )


def compared(count: int, repeats: int) -> None:
    """Two runs of `count` items side by side under all four conditions."""
    old, new = synthetic(count), synthetic(count, seed=1)
    seconds = [timed(lambda: compare_all(old, new, CONDITIONS))[0] for _ in range(repeats)]
    print(f"two runs of {count:,} items compared: {statistics.median(seconds):.3f}")


if __name__ == "__main__":
    main()
