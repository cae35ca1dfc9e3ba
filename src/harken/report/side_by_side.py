"""Three or more runs on one page: a row for each, the tasks of all, and each against the first.

The other sections are about the last run, compared with the first. Here all have the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

import harken.report.plots as plots
import harken.report.words as words
from harken.errors import RunError
from harken.labels import run_labels, tails
from harken.report.gather import LoadedRun
from harken.report.headline import headline, main_condition
from harken.stats.paired import ALL, compare, holm

Json = dict[str, Any]

COLOURS = ("none", "audio", "swap", "clip", "transcript", "caption", "fragment", "other")
"""Colour classes of runs, in turn."""


def shared_condition(runs: Sequence[LoadedRun]) -> str:
    """The condition that runs are compared under: audio, or the first that all asked.

    Raises:
        RunError: they share none.
    """
    asked = main_condition(runs[-1].results)
    common = [
        name
        for name in runs[-1].results["conditions"]
        if all(name in one.results["conditions"] for one in runs)
    ]
    if not common:
        where = " and ".join(str(one.folder) for one in runs)
        raise RunError("the runs share no condition", where=where)
    return asked if asked in common else str(common[0])


def left_out(runs: Sequence[LoadedRun], condition: str) -> list[str]:
    """One line for each run with items, under a condition, that not all runs were asked."""
    asked = [{r["item"] for r in one.records if r["condition"] == condition} for one in runs]
    common = set.intersection(*asked)
    names = tails([one.folder for one in runs])
    return [
        f"{words.count(len(own - common))} of {name} "
        f"{'was' if len(own - common) == 1 else 'were'} not asked in all runs and "
        f"{'is' if len(own - common) == 1 else 'are'} left out of comparisons."
        for name, own in zip(names, asked, strict=True)
        if own - common
    ]


def side_by_side(runs: Sequence[LoadedRun], condition: str) -> Json:
    """Values of the section; empty for fewer than three runs.

    Returns:
        ``columns`` (headline: name and meaning), ``runs`` (label, name, colour, headline columns,
        change against the first run with p corrected over the runs by Holm's rule), ``tasks``
        (name, and for each run accuracy and change), ``plot``, and ``notes``.

    Raises:
        RunError: a run shares no item with the first.
    """
    if len(runs) < 3:
        return {}
    names = tails([one.folder for one in runs])
    labels = run_labels([one.folder for one in runs], [one.spec for one in runs])
    changes = [compare(runs[0].records, one.records, condition) for one in runs[1:]]
    for name, rows in zip(names[1:], changes, strict=True):
        if not rows[0]["paired"]["items"]:
            raise RunError(
                f"{name} shares no item with {names[0]}", hint="Evaluate all on the same dataset."
            )
    whole = [rows[0]["paired"] for rows in changes]
    holm(whole, "p")
    found: list[Json] = [
        {"name": name, "label": label, "colour": COLOURS[at % len(COLOURS)]}
        for at, (name, label) in enumerate(zip(names, labels, strict=True))
    ]
    for own, run, change in zip(found, runs, [None, *whole], strict=True):
        own |= {"columns": headline(run.results), "change": change}
    return {
        "columns": [(one.name, one.about) for one in headline(runs[0].results)],
        "runs": found,
        "tasks": _tasks(runs, changes, condition),
        "plot": _plot(runs, names, condition),
        "condition": condition,
        "first": names[0],
        "notes": left_out(runs, condition),
    }


def _tasks(
    runs: Sequence[LoadedRun], changes: Sequence[Sequence[Json]], condition: str
) -> list[Json]:
    """For each task, the cell of every run and its change against the first."""
    rows = []
    for task in _names(runs):
        cells = [_row(one, task).get("cells", {}).get(condition) for one in runs]
        against = [
            next((row["paired"] for row in own if row["task"] == task), None) for own in changes
        ]
        rows.append({"task": task, "cells": list(zip(cells, [None, *against], strict=True))})
    return rows


def _plot(runs: Sequence[LoadedRun], names: Sequence[str], condition: str) -> Markup:
    rows = []
    for task in _names(runs):
        cells = [_row(one, task).get("cells", {}).get(condition) or {} for one in runs]
        rows.append((task, [cell.get("accuracy") for cell in cells]))
    return plots.run_dots(rows, names, COLOURS)


def _names(runs: Sequence[LoadedRun]) -> list[str]:
    """All tasks together, then each task of any run."""
    tasks = {row["task"] for one in runs for row in one.results["tasks"]}
    return [ALL, *sorted(tasks)]


def _row(run: LoadedRun, task: str) -> Mapping[str, Any]:
    rows = (run.results["overall"], *run.results["tasks"])
    return next((row for row in rows if row["task"] == task), {})
