"""Evaluations of the same items, compared item by item: two, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import RunError
from harken.labels import run_labels, settings_apart, tails
from harken.runs import Run, read_run
from harken.stats import paired
from harken.stats.table import is_scored

Records = list[dict[str, Any]]
Json = dict[str, Any]


def compare(first: Path | str, second: Path | str, *, seed: int = 0, shared: bool = False) -> Json:
    """Second minus first, paired by (item, condition, rotation, rotation of the clips).

    Returns, under ``conditions``, for each condition that both runs asked, rows: all tasks first,
    then each task, with both accuracies, the difference, its 95 % interval and exact p, both by
    recording, the p by item and the bootstrap p (all also Holm-corrected over tasks), and the ids
    of the items that flipped: ``better`` and ``worse``. ``flips`` has each flipped item once per
    condition with both replies (see `flips`); ``only`` names the conditions of one run,
    ``left_out`` counts the items that one run alone asked.

    Args:
        first: run folder of an evaluation.
        second: another one.
        seed: of the bootstrap.
        shared: compare on the items and rotations that both asked, if they are not the same.

    Raises:
        RunError: a folder is not a finished evaluation, the runs share no condition or no item, or,
            without `shared`, asked different items or rotations under the conditions they share
            (the message says how many).
    """
    runs = _open((first, second))
    sides, names, common = _sides(runs, shared, f"{first} and {second}")
    return {**_pair(runs, sides, common, seed), "only": dict(zip(_SIDES, names, strict=True))}


def compare_many(folders: Sequence[Path | str], *, seed: int = 0, shared: bool = False) -> Json:
    """Three or more runs side by side, each also compared with the first.

    Returns ``runs`` (label, model, identity, settings that differ), ``conditions`` that all asked,
    ``scores`` (condition -> a row for all tasks and for each task, with the accuracy of every run),
    ``versus`` (condition -> a row for each run after the first: its row of all tasks in
    ``pairs``, its ``p_holm`` corrected over the runs), and ``pairs``, each as from `compare`.

    Raises:
        RunError: as `compare`; items and conditions must be shared by all runs.
    """
    runs = _open(folders)
    where = ", ".join(map(str, folders))
    sides, names, common = _sides(runs, shared, where)
    pairs = [
        _pair([runs[0], run], [sides[0], side], common, seed)
        for run, side in zip(runs[1:], sides[1:], strict=True)
    ]
    about = _about(runs)
    return {
        "runs": about,
        "items": pairs[0]["items"],
        "conditions": common,
        "scores": {c: _scores(sides, c) for c in common},
        "versus": {c: _versus(pairs, c, [one["label"] for one in about[1:]]) for c in common},
        "pairs": pairs,
        "only": {one["label"]: own for one, own in zip(about, names, strict=True)},
        "left_out": {
            one["label"]: _left_out(run, side, common)
            for one, run, side in zip(about, runs, sides, strict=True)
        },
    }


_SIDES = ("first", "second")


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A finished evaluation with its records."""

    run: Run
    records: Records


def _open(folders: Sequence[Path | str]) -> list[ComparedRun]:
    runs = [read_run(folder) for folder in folders]
    return [ComparedRun(run, _records(run)) for run in runs]


def _sides(
    runs: Sequence[ComparedRun], shared: bool, where: str
) -> tuple[list[Records], list[list[str]], list[str]]:
    """The records to compare of each run, the conditions that only it has, and the common ones."""
    names = [_conditions(one.records) for one in runs]
    common = [c for c in names[0] if all(c in own for own in names)]
    if not common:
        raise RunError(
            f"the runs share no condition: {' and '.join(map(str, names))}",
            where=where,
            hint="Evaluate all under at least one condition in common.",
        )
    sides = [[r for r in one.records if r["condition"] in common] for one in runs]
    if shared:
        keys = [{(r["condition"], paired.key_of(r)) for r in side} for side in sides]
        both = set.intersection(*keys)
        if not both:
            raise RunError("the runs share no item", where=where, hint="Compare other runs.")
        sides = [[r for r in side if (r["condition"], paired.key_of(r)) in both] for side in sides]
    else:
        for side in sides[1:]:
            _same_items(sides[0], side, where)
    return sides, [[c for c in own if c not in common] for own in names], common


def _pair(
    runs: Sequence[ComparedRun], sides: Sequence[Records], common: Sequence[str], seed: int
) -> Json:
    old, new = sides
    conditions = paired.compare_all(old, new, common, seed)
    return {
        **dict(zip(_SIDES, _about(runs), strict=True)),
        "items": len({r["item"] for r in new}),
        "left_out": {
            name: _left_out(run, side, common)
            for name, run, side in zip(_SIDES, runs, sides, strict=True)
        },
        "conditions": conditions,
        "flips": {c: flips(old, new, c, rows[0]["paired"]) for c, rows in conditions.items()},
    }


def _about(runs: Sequence[ComparedRun]) -> list[Json]:
    specs = [one.run.spec for one in runs]
    folders = [one.run.folder for one in runs]
    rows = zip(
        run_labels(folders, specs), tails(folders), specs, settings_apart(specs), strict=True
    )
    return [
        {
            "label": label,
            "run": tail,
            "model": spec.get("model"),
            "identity": spec.get("identity"),
            "settings": apart,
        }
        for label, tail, spec, apart in rows
    ]


def _left_out(one: ComparedRun, side: Records, common: Sequence[str]) -> Json:
    """How many items, and requests, of a run are not compared under the shared conditions."""
    asked = [r for r in one.records if r["condition"] in common]
    items = {r["item"] for r in asked} - {r["item"] for r in side}
    return {"items": len(items), "requests": len(asked) - len(side)}


def _scores(sides: Sequence[Records], condition: str) -> list[Json]:
    """The accuracy of every run under a condition: all tasks, then each task."""
    values = [paired.by_item(paired.correctness(side, condition)) for side in sides]
    task_of = {r["item"]: r["task"] for side in sides for r in side}
    rows = []
    for task in (paired.ALL, *sorted(set(task_of.values()))):
        mine = [
            [v for item, v in own.items() if task in (paired.ALL, task_of[item])] for own in values
        ]
        rows.append(
            {
                "task": task,
                "items": [len(own) for own in mine],
                "accuracy": [sum(own) / len(own) if own else None for own in mine],
            }
        )
    return rows


def _versus(pairs: Sequence[Json], condition: str, labels: Sequence[str]) -> list[Json]:
    """Each later run against the first over all tasks, p corrected over the runs by Holm's rule."""
    rows = []
    for label, pair in zip(labels, pairs, strict=True):
        whole = pair["conditions"][condition][0]
        rows.append({"label": label, "a": whole["a"], "b": whole["b"], **whole["paired"]})
    paired.holm(rows, "p")
    return rows


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
        ("items", "Evaluate both on the same dataset and split", 1),
        ("rotations", "Evaluate both with the same rotations", 3),
    ):
        a, b = ({paired.key_of(r)[:size] for r in records} for records in (old, new))
        if a != b:
            more = f", or compare on the {len(a & b):,} shared: --shared." if a & b else "."
            raise RunError(
                f"the runs asked different {what}: {len(a):,} in the first, {len(b):,} in the "
                f"second, {len(a & b):,} shared",
                where=where,
                hint=hint + more,
            )
