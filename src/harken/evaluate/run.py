"""Examine a model: the same items with their audio, without, with silence, with others' audio."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

from harken.ask.trial import Asking, Keeping, batch_size, check_failures, run_trials
from harken.audio import canonical, digest
from harken.errors import DataError
from harken.evaluate.results import tabulate
from harken.item import Item
from harken.models.base import Model, Sampling
from harken.runs import Run, read_run

CONDITIONS = ("audio", "none", "silence", "swap")
"""What is asked unless told otherwise."""


def run(
    model: Model,
    items: Sequence[Item],
    folder: Path | str,
    *,
    dataset: Path | str | None = None,
    **asking: Unpack[Asking],
) -> dict[str, Any]:
    """Ask `model` all `items`, write the run folder, and return what ``results.json`` holds.

    A killed run goes on where it stopped; a finished one is only read. The folder ends with
    ``run.json`` (who was asked what, and where the items lie), ``trials.jsonl``, ``results.json``
    and ``done.json``.

    Args:
        model: who is asked.
        items: the questions; those a condition cannot be put on are counted under ``excluded``.
        folder: the run folder, new or interrupted.
        dataset: where `items` came from (a dataset folder or ``.jsonl``), so that a report finds
            the sound; recorded relative to `folder`.
        asking: see `harken.ask.trial.Asking`; ``conditions`` default to `CONDITIONS`, and
            ``max_failed`` is looked at after the results are written.

    Raises:
        DataError: there are no items.
        RunError: the folder holds another run.
        TooManyFailures: after everything is written.
    """
    if not items:
        raise DataError(
            "there is no item to ask", where=str(dataset or ""), mend="Choose another split or set."
        )
    folder, max_failed = Path(folder), asking.get("max_failed", 0.1)
    asking = Asking(**{"conditions": CONDITIONS, **asking, "max_failed": 1.0})
    with Run.open(folder, _spec(model, items, folder, dataset, asking)) as own:
        if own.done:
            trials: list[Any] = own.records("trials")
            found: dict[str, Any] = own.read_json("results")
        else:
            own.log({"event": "asking"})
            trials = list(run_trials(model, items, run=own, **asking))
            found = results(folder)
            own.write_json("results", found)
            own.log({"event": "answered"})
            if isinstance(model, Keeping):
                own.log({"event": "report", **model.report()})
                check_failures(trials, max_failed)  # left open: the same command asks what failed
            own.finish({"items": found["items"], "trials": found["trials"]})
    check_failures(trials, max_failed)
    return found


def results(folder: Path | str) -> dict[str, Any]:
    """The numbers of a run folder, computed anew from its trials; no model is asked."""
    own = read_run(folder)
    found = tabulate(own.records("trials"), int(own.spec.get("seed", 0)))
    excluded: Counter[str] = Counter()
    if own.path("trials-excluded.json").is_file():
        for condition, reasons in own.read_json("trials-excluded").items():
            for reason in reasons.values():
                excluded[f"{condition}: {reason}"] += 1
    return {
        "model": own.spec.get("model"),
        **found,
        "excluded": dict(sorted(excluded.items())),
    }


def _spec(
    model: Model, items: Sequence[Item], folder: Path, dataset: Path | str | None, asking: Asking
) -> dict[str, Any]:
    """What makes this run this run: the same spec resumes, another is refused."""
    spec: dict[str, Any] = {
        "kind": "evaluate",
        "model": model.name,
        "identity": model.identity(),
        "items": len(items),
        "fingerprint": digest(canonical([item.id for item in items])),
        "conditions": list(asking["conditions"]),
        "rotations": asking.get("rotations", 1),
        "seed": asking.get("seed", 0),
        "batch": batch_size(model, asking),
        "replies": asking.get("replies", True),
        "sampling": asdict(asking.get("sampling", Sampling())),
    }
    if dataset is not None:
        where, here = os.path.realpath(dataset), os.path.realpath(folder)
        spec["dataset"] = {"path": os.path.relpath(where, here), "digest": _content(Path(where))}
    return spec


def _content(dataset: Path) -> str:
    """Fingerprint of the dataset's content, shards' hashes or the file's."""
    from harken.files import sha256_of
    from harken.shards import read_info

    return sha256_of(dataset)[:16] if dataset.is_file() else read_info(dataset).digest
