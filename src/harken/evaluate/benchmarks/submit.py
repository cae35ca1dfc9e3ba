"""From a run's records to replies in a benchmark's own format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harken.errors import DataError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.types import key_of
from harken.item import Item
from harken.runs import read_run


def replies_of(
    benchmark: Benchmark, items: Sequence[Item], folder: Path
) -> tuple[dict[str, str], list[str]]:
    """Key -> what to submit, and notes.

    For a choice question it is the bare text of the option that was chosen (the most probable one
    where there are probabilities, else the one parsed from the reply), which every official rule
    reads correctly; where none was, the reply as generated. Open questions: the reply. Only records
    with options and clips in the release's own order are used. Failed requests have no reply and
    get no row: they are counted in the notes.

    Raises:
        DataError: the run has no records of these items under ``audio``.
    """
    records = {
        record["item"]: record
        for record in read_run(folder).records("records")
        if record["condition"] == "audio"
        and not record["rotation"]
        and not record.get("clip_rotation", 0)
    }
    texts: dict[str, str] = {}
    failed = absent = 0
    for item in items:
        record = records.get(item.id)
        if record is None:
            absent += 1
        elif record["outcome"] == "failed":
            failed += 1
        else:
            # What is parsed from an open answer is normalised for comparison: not for submission.
            texts[key_of(item)] = (record["parsed"] if item.choices else None) or record["reply"]
    if absent == len(items):
        raise DataError(
            f"the run has no record of the {len(items)} items of {benchmark.name} under audio",
            where=str(folder),
            hint="Evaluate on them first: harken eval MODEL -b NAME --data RELEASE -o RUN",
        )
    notes = [f"{n} items {why}" for n, why in ((failed, "failed"), (absent, "were not asked")) if n]
    return texts, notes
