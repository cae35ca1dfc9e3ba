"""From a run's records to replies in a benchmark's own format.

A submission scores by the official rule what the options that were chosen are worth: where the rule
reads letters, it holds letters; where it compares words, bare option texts
(`Benchmark.submitted`). What is sent in and what a run reports as the official score of the
options chosen are made by one function, `chosen`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.types import key_of
from harken.item import Item
from harken.runs import read_run


def chosen(benchmark: Benchmark, item: Item, record: Mapping[str, Any]) -> str:
    """What to submit for a record: the chosen option as the official rule reads it.

    The option is the most probable one where there are probabilities, else the one parsed from the
    reply. Where none was chosen, and for open questions, it is the reply as generated: what is
    parsed from an open answer is normalised for comparison, and not for submission.
    """
    if record["parsed"] in item.choices:
        return benchmark.submitted(item, item.choices.index(record["parsed"]))
    return str(record["reply"])


def in_release_order(
    items: Sequence[Item], records: Sequence[Mapping[str, Any]]
) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """The condition of a run's replies to a benchmark, and item id -> record under it.

    The condition is ``audio``, or ``none`` where nothing was asked with audio: of a text-only
    model. An item without clips is asked under ``none`` only. The records are those with options
    and clips in the release's own order.
    """
    condition = "audio" if any(one["condition"] == "audio" for one in records) else "none"
    asked = {item.id: condition if item.clips else "none" for item in items}
    return condition, {
        record["item"]: record
        for record in records
        if record["condition"] == asked.get(record["item"])
        and not record["rotation"]
        and not record.get("clip_rotation", 0)
    }


def replies_of(
    benchmark: Benchmark, items: Sequence[Item], folder: Path
) -> tuple[dict[str, str], list[str]]:
    """Key -> what to submit (see `chosen`), and notes.

    The records are those of `in_release_order`. Failed requests have no reply and get no row: they
    are counted in the notes.

    Raises:
        DataError: the run has no records of these items, or all failed.
    """
    condition, records = in_release_order(items, read_run(folder).records("records"))
    texts: dict[str, str] = {}
    failed = absent = 0
    for item in items:
        record = records.get(item.id)
        if record is None:
            absent += 1
        elif record["outcome"] == "failed":
            failed += 1
        else:
            texts[key_of(item)] = chosen(benchmark, item, record)
    if absent == len(items):
        raise DataError(
            f"the run has no record of the {len(items)} items of {benchmark.name} under audio",
            where=str(folder),
            hint="Evaluate on them first: harken eval MODEL -b NAME --data RELEASE -o RUN",
        )
    if not texts:
        # A file without the field is no submission: some scripts would score the gold instead.
        raise DataError(
            f"the run has no reply to the items of {benchmark.name}: all {failed} asked failed",
            where=str(folder),
            hint="Run the same `harken eval` again: it asks what failed.",
        )
    unheard = condition == "none" and any(item.clips for item in items)
    notes = ["the run has no replies with audio: these are those without"] if unheard else []
    notes += [
        f"{n} items {why}" for n, why in ((failed, "failed"), (absent, "were not asked")) if n
    ]
    return texts, notes


def about_file(benchmark: Benchmark, path: Path, missing: int) -> list[str]:
    """What is to be known about a submission: its suffix, and rows that it lacks.

    Args:
        benchmark: whose script reads it.
        path: where it is written.
        missing: items without a reply.
    """
    notes = []
    if benchmark.suffixes and path.suffix.lower() not in benchmark.suffixes:
        wanted = " or ".join(benchmark.suffixes)
        notes.append(f"the official script reads {wanted}: this file is {path.suffix or 'neither'}")
    if missing and not benchmark.keeps_absent:
        notes.append(
            f"{missing} items without a reply have no row: the script would stop at it, or grade it"
        )
    return notes
