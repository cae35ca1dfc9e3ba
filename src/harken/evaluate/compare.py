"""Two evaluations of the same items, compared item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.ask import paired
from harken.errors import RunError
from harken.runs import Run, read_run

Trials = list[dict[str, Any]]


def compare(first: Path | str, second: Path | str, *, seed: int = 0) -> dict[str, Any]:
    """Second minus first, paired by (item, condition, rotation).

    Returns, for each condition both runs asked, ``rows``: all tasks first, then each task, with
    both accuracies, the difference, its 95 % bootstrap interval by recording, the exact McNemar p
    (Holm-corrected over tasks), and the ids of the items that flipped: ``better`` and ``worse``.

    Raises:
        RunError: a folder is no finished evaluation, the runs asked different items or rotations
            (the message says how many they share), or they share no condition.
    """
    runs = [read_run(folder) for folder in (first, second)]
    old, new = (_trials(run) for run in runs)
    _same_items(old, new, f"{first} and {second}")
    conditions = [c for c in _conditions(old) if c in _conditions(new)]
    if not conditions:
        raise RunError(
            f"the runs share no condition: {_conditions(old)} and {_conditions(new)}",
            where=f"{first} and {second}",
            mend="Evaluate both under at least one condition in common.",
        )
    return {
        "first": _who(runs[0]),
        "second": _who(runs[1]),
        "items": len({t["item"] for t in new}),
        "conditions": {c: paired.compare(old, new, c, seed) for c in conditions},
    }


def _trials(run: Run) -> Trials:
    if not run.done:
        raise RunError(
            "this run holds no finished evaluation",
            where=str(run.folder),
            mend="Run the same `harken eval` again: it goes on where it stopped.",
        )
    return run.records("trials")


def _conditions(trials: Trials) -> list[str]:
    return list(dict.fromkeys(t["condition"] for t in trials))


def _same_items(old: Trials, new: Trials, where: str) -> None:
    for what, mend, keys in (
        ("items", "Evaluate both on the same dataset and split.", ("item",)),
        ("rotations", "Evaluate both with the same rotations.", ("item", "rotation")),
    ):
        a, b = ({tuple(t[key] for key in keys) for t in trials} for trials in (old, new))
        if a != b:
            raise RunError(
                f"the runs asked different {what}: {len(a):,} in the first, {len(b):,} in the "
                f"second, {len(a & b):,} shared",
                where=where,
                mend=mend,
            )


def _who(run: Run) -> dict[str, Any]:
    return {"model": run.spec.get("model"), "identity": run.spec.get("identity")}
