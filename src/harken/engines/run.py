"""Running a job on an engine: bounded retries, progress, and what failed, kept apart with reasons.

::

    <folder>/failed/<unit>.json    a unit that failed, or the items of it that could not be made

A record is written before its unit is committed and removed when the unit is whole, so a job that
is run again knows which units to try again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harken.engines.base import Outcome, UnitTask, WorkEngine, WorkUnit
from harken.engines.local import LocalEngine
from harken.errors import TooManyFailures
from harken.files import sweep, write_json
from harken.hashing import seal_fits, sealed
from harken.listed import listed
from harken.parsing import load_json
from harken.progress import tell, track

RETRIES = 2
"""How often a unit is tried again."""

FAILED = "failed"
_LISTED = 3


@dataclass(slots=True)
class Failures:
    """What failed for good.

    Attributes:
        units: key -> reason.
        items: how many items are in them.
        folder: where they are kept; None: nowhere.
    """

    units: dict[str, str] = field(default_factory=dict)
    items: int = 0
    folder: Path | None = None

    def raise_any(self) -> None:
        """Raise TooManyFailures if anything failed; all other units are committed."""
        if self.units:
            told = listed(
                [f"{key}: {why}" for key, why in self.units.items()], _LISTED, between="; "
            )
            raise TooManyFailures(
                f"{len(self.units)} units of work with {self.items} items failed "
                f"{RETRIES + 1} times; {told}",
                where=str(self.folder or ""),
                hint="All others are done. Mend the cause and run the same command again: it does "
                "what is missing.",
            )


@contextmanager
def engine_or_here(engine: WorkEngine | None) -> Iterator[WorkEngine]:
    """The engine that was given; without one, the calling process."""
    if engine is not None:
        yield engine
    else:
        with closing(LocalEngine()) as own:
            yield own


def run_units(
    task: UnitTask,
    units: Sequence[WorkUnit],
    engine: WorkEngine,
    label: str,
    *,
    take: Callable[[int, Any], None],
    folder: Path | None = None,
    retries: int = RETRIES,
) -> Failures:
    """Work on all units; each result is taken once, in any order.

    Args:
        task: what they share.
        units: with keys that differ.
        engine: where.
        label: of the progress.
        take: is called with the place of a unit and its result.
        folder: where failures are kept (``failed/``); None: nowhere.
        retries: how often a unit that fails is tried again.

    Returns:
        What failed still.

    Raises:
        OSError: the disk is full, or not writable.
    """
    kept = None if folder is None else folder / FAILED
    failures, places = Failures(folder=kept), list(range(len(units)))
    last: dict[int, Outcome] = {}
    for turn in range(retries + 1):
        if not places:
            break
        if turn:
            tell(f"{label}: {len(places)} units failed and are tried again")
        own = [units[place] for place in places]
        again: list[int] = []
        for outcome in track(engine.outcomes(task, own), label, total=len(own)):
            place = places[outcome.place]
            if outcome.disk:
                raise OSError(outcome.disk, os.strerror(outcome.disk), str(folder or ""))
            if outcome.fault:
                again.append(place)
                last[place] = outcome
            else:
                take(place, outcome.result)
        places = sorted(again)
    for place in places:
        unit, outcome = units[place], last[place]
        failures.units[unit.key] = outcome.fault
        failures.items += len(outcome.items) or unit.items
        if kept is not None:
            write_failure(kept, task, unit, outcome)
    return failures


def write_failure(folder: Path, task: UnitTask, unit: WorkUnit, outcome: Outcome) -> None:
    """Keep apart what failed of a unit: why, and its items as far as they are known."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "unit": unit.key,
        "of_items": unit.items,
        "reason": outcome.fault,
        "items": outcome.items,
    }
    write_json(folder / f"{unit.name(task)}.json", sealed(record))


def read_failures(folder: Path) -> list[dict[str, Any]]:
    """The records of ``failed/`` in a job's folder, by unit; none where nothing failed."""
    found = [load_json(path) for path in sorted((folder / FAILED).glob("*.json"))]
    return sorted((one for one in found if seal_fits(one)), key=lambda one: str(one["unit"]))


def forget_failures(folder: Path) -> None:
    """Remove the records of an earlier attempt at the job: its failed units are tried again."""
    if (folder / FAILED).is_dir():
        sweep(folder / FAILED)
        shutil.rmtree(folder / FAILED)
