"""The shape of an engine, and of what it is given: units of work, and the task they share.

Work is done at least once and committed once: `UnitTask.work` writes its output under its final
name when it is complete (`harken.files.settle`), depends on nothing but its arguments, and writes
the same bytes whenever it is called. So a unit that was killed, or was worked on twice, leaves what
a unit that was worked on once leaves. What it returns goes to the driver and is small: numbers and
names, never audio.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harken.errors import HarkenError
from harken.hashing import canonical, digest


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """One part of a job.

    Attributes:
        key: its name in the job, for people: ``first/train/3``. No two units of a job share it.
        value: all that it depends on beside the task; any value that can be pickled.
        items: how many items it is about.
    """

    key: str
    value: Any = None
    items: int = 1

    def name(self, task: UnitTask) -> str:
        """Its name by content: a hash of the job and the key, the same wherever it is worked on."""
        return digest(canonical([task.identity, self.key]), 32)


@dataclass(frozen=True, slots=True)
class UnitTask:
    """What all units of a job share.

    Attributes:
        identity: a hash of all that the output depends on.
        work: ``work(shared, unit) -> result``, a function of a module, since workers import it.
        shared: what every unit needs; given to each worker once.
    """

    identity: str
    work: Callable[[Any, WorkUnit], Any]
    shared: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt at a unit.

    Attributes:
        place: of the unit in the sequence that the engine was given.
        result: what `UnitTask.work` returned; None where there is a fault.
        fault: why it failed, in a sentence; empty if it did not.
        items: of a unit with faulty items (`FaultyItems`), those and their reasons.
        disk: number of the system's error where the disk is full or read-only, which ends a job.
    """

    place: int
    result: Any = None
    fault: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    disk: int = 0


DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors of the system after which no other unit can be written either."""


class FaultyItems(HarkenError):
    """Some items of a unit could not be made; the others can.

    Args:
        items: JSON-able descriptions, each with its ``reason``.
    """

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items
        first = items[0]["reason"] if items else ""
        super().__init__(f"{len(items)} items could not be made: {first}")


class WorkEngine(Protocol):
    """Works on units, in any order.

    Attributes:
        name: as it is asked for.
        workers: how many units are worked on at once.
    """

    name: str
    workers: int

    def outcomes(self, task: UnitTask, units: Sequence[WorkUnit]) -> Iterator[Outcome]:
        """One `Outcome` for each unit, as they come; what `work` raises is in them."""

    def close(self) -> None:
        """End the workers; what they were working on is lost, and what they committed is not."""


def attempt(task: UnitTask, place: int, unit: WorkUnit) -> Outcome:
    """Work on a unit here; an exception becomes the outcome's fault."""
    try:
        return Outcome(place, task.work(task.shared, unit))
    except FaultyItems as error:
        return Outcome(place, fault=str(error), items=error.items)
    except Exception as error:
        said = str(error) if isinstance(error, HarkenError) else f"{type(error).__name__}: {error}"
        number = error.errno if isinstance(error, OSError) and error.errno in DISK else 0
        return Outcome(place, fault=said, disk=number or 0)
