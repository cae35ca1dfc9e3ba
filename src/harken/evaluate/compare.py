"""Two evaluations of the same items, compared item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harken.errors import RunError
from harken.runs import Run, read_run
from harken.stats import paired
from harken.stats.table import is_scored

Records = list[dict[str, Any]]
Json = dict[str, Any]


def compare(first: Path | str, second: Path | str, *, seed: int = 0) -> Json:
    """Second minus first, paired by (item, condition, rotation, rotation of the clips).

    Returns, under ``conditions``, for each condition that both runs asked, rows: all tasks first,
    then each task, with both accuracies, the difference, its 95 % bootstrap interval by recording,
    the exact McNemar p and the bootstrap p (both also Holm-corrected over tasks), and the ids of
    the items that flipped: ``better`` and ``worse``. ``flips`` has each flipped item once per
    condition with both replies (see `flips`); ``only`` names the conditions of one run.

    Raises:
        RunError: a folder is not a finished evaluation, the runs share no condition, or asked
            different items or rotations under those they share (the message says how many).
    """
    runs = [read_run(folder) for folder in (first, second)]
    old, new = (_records(run) for run in runs)
    names = [_conditions(records) for records in (old, new)]
    shared = [c for c in names[0] if c in names[1]]
    if not shared:
        raise RunError(
            f"the runs share no condition: {names[0]} and {names[1]}",
            where=f"{first} and {second}",
            hint="Evaluate both under at least one condition in common.",
        )
    old, new = ([r for r in records if r["condition"] in shared] for records in (old, new))
    _same_items(old, new, f"{first} and {second}")
    conditions = paired.compare_all(old, new, shared, seed)
    return {
        "first": _model(runs[0]),
        "second": _model(runs[1]),
        "items": len({r["item"] for r in new}),
        "conditions": conditions,
        "flips": {c: flips(old, new, c, rows[0]["paired"]) for c, rows in conditions.items()},
        "only": {
            side: [c for c in own if c not in shared]
            for side, own in zip(("first", "second"), names, strict=True)
        },
    }


def flips(
    old: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
    condition: str,
    found: Mapping[str, Any],
) -> list[Json]:
    """The items that flipped, those gained first, with the replies before and after.

    Args:
        old: records of the first run.
        new: records of the second.
        condition: the one that is compared.
        found: ``better`` and ``worse``, as in `harken.stats.paired.Paired`.

    Returns:
        ``item``, ``task``, ``question``, ``gold`` (the true answer), ``to`` (better or worse), and
        under ``first`` and ``second``: ``right`` of ``answered`` passes, and of the first pair of
        passes scored differently ``outcome``, ``parsed`` and ``reply``.
    """
    sides = [_by_key(records, condition) for records in (old, new)]
    items: dict[str, list[paired.Key]] = {}
    for key in sides[1]:
        if key in sides[0]:
            items.setdefault(key[0], []).append(key)
    out = []
    for to in ("better", "worse"):
        for item in found[to]:
            keys = items[item]
            split = [k for k in keys if _right(sides[0][k]) != _right(sides[1][k])]
            at = (split or keys)[0]
            shown = sides[1][at]
            out.append(
                {
                    "item": item,
                    "task": shown["task"],
                    "question": shown.get("question") or shown.get("prompt", ""),
                    "gold": shown["answer"],
                    "to": to,
                    "first": _answer([sides[0][k] for k in keys], sides[0][at]),
                    "second": _answer([sides[1][k] for k in keys], shown),
                }
            )
    return out


def _by_key(records: Sequence[Mapping[str, Any]], condition: str) -> dict[paired.Key, Any]:
    """The scored records under a condition."""
    return {paired.key_of(r): r for r in records if r["condition"] == condition and is_scored(r)}


def _right(record: Mapping[str, Any]) -> bool:
    return bool(record["outcome"] == "correct")


def _answer(passes: Sequence[Mapping[str, Any]], shown: Mapping[str, Any]) -> Json:
    return {
        "right": sum(map(_right, passes)),
        "answered": len(passes),
        **{name: shown[name] for name in ("outcome", "parsed", "reply")},
    }


def _records(run: Run) -> Records:
    if not run.done:
        raise RunError(
            "this run is not a finished evaluation",
            where=str(run.folder),
            hint="Run the same `harken eval` again: it resumes where it stopped.",
        )
    return run.records("records")


def _conditions(records: Records) -> list[str]:
    return list(dict.fromkeys(r["condition"] for r in records))


def _same_items(old: Records, new: Records, where: str) -> None:
    for what, hint, size in (
        ("items", "Evaluate both on the same dataset and split.", 1),
        ("rotations", "Evaluate both with the same rotations.", 3),
    ):
        a, b = ({paired.key_of(r)[:size] for r in records} for records in (old, new))
        if a != b:
            raise RunError(
                f"the runs asked different {what}: {len(a):,} in the first, {len(b):,} in the "
                f"second, {len(a & b):,} shared",
                where=where,
                hint=hint,
            )


def _model(run: Run) -> dict[str, Any]:
    return {"model": run.spec.get("model"), "identity": run.spec.get("identity")}
