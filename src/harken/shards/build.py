"""Building a dataset from units, each of which becomes one shard, on an engine.

The same plan gives the same bytes with any number of workers on any engine: a unit's items depend
on the unit alone, its shard has a number of its own, and `dataset.json`, which lists the shards in
the order of the plan, is written last. A build that was killed keeps complete shards, which their
footers name, and makes the missing ones.

::

    <folder>/failed/<unit>.json    what could not be made of a unit, with the reasons
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harken.engines.base import DISK, FaultyItems, UnitTask, WorkEngine, WorkUnit
from harken.engines.run import Failures, engine_or_here, forget_failures, run_units
from harken.errors import ConfigError, DataError, HarkenError
from harken.files import held, sweep
from harken.item import Item
from harken.shards.info import Info
from harken.shards.write import Head, ShardFile, Written, existing, finish, head_of, kept, written


class Unit(NamedTuple):
    """A part of a dataset that becomes one shard.

    Attributes:
        key: its name; no two units of a dataset share it.
        make: ``make(*shared)`` gives its items, a pure function of the plan. Other processes can be
            sent functions of modules, and `functools.partial` of them.
        items: how many there will be, for counts.
    """

    key: str
    make: Callable[..., Iterable[Item]]
    items: int = 1


@dataclass(frozen=True, slots=True)
class _Shared:
    """What workers know of a dataset."""

    head: Head
    given: tuple[Any, ...]


def build_dataset(
    folder: Path | str,
    units: Sequence[Unit],
    *,
    name: str,
    plan: Any = None,
    embed: bool = False,
    root: Path | str | None = None,
    engine: WorkEngine | None = None,
    shared: tuple[Any, ...] = (),
) -> Info:
    """Make one shard a unit, skip units that are complete, and write `dataset.json` last.

    Args:
        folder: the dataset's folder.
        units: in order.
        name: the dataset's name.
        plan: JSON-able values that determine it.
        embed: copy the audio into the shards.
        root: folder that audio paths are stored relative to; default: the dataset's own folder.
        engine: where units are worked on; None: in this process.
        shared: what `Unit.make` of every unit is called with; given to each worker once.

    Raises:
        DataError: the folder holds another dataset, or another process writes to it.
        TooManyFailures: units failed; all others are complete. What failed is in ``failed/``.
    """
    keys = [unit.key for unit in units]
    if len(set(keys)) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ConfigError(f"units of {name!r} share a key: {', '.join(twice)}")
    head = head_of(folder, name, plan, embed, root, keys)
    head.folder.mkdir(parents=True, exist_ok=True)
    with held(head.folder, DataError):
        info = existing(head)
        if info is not None:
            return info
        forget_failures(head.folder)
        if not units:
            ShardFile(head, 0, "").close()
            return finish(head, [written(head, 0, "")])
        shards, failures = _made(head, units, engine, shared)
        failures.raise_any()
        sweep(head.folder)  # what workers that were killed left
        return finish(head, shards)


def _made(
    head: Head, units: Sequence[Unit], engine: WorkEngine | None, shared: tuple[Any, ...]
) -> tuple[list[Written], Failures]:
    """All shards that could be made, in order, and what could not."""
    found: dict[int, Written] = {}
    task = UnitTask(head.fingerprint, make_shard, _Shared(head, shared))
    work = [
        WorkUnit(unit.key, (number, unit.make), unit.items) for number, unit in enumerate(units)
    ]
    with engine_or_here(engine) as own:
        failures = run_units(
            task,
            work,
            own,
            f"making the items of {head.name}",
            take=found.__setitem__,
            folder=head.folder,
        )
    return [found[place] for place in sorted(found)], failures


def make_shard(shared: _Shared, unit: WorkUnit) -> Written:
    """Write the shard of a unit, unless it is there and whole: the work of a build.

    Raises:
        FaultyItems: items that cannot be written, with the reasons; there is no shard then.
    """
    number, make = unit.value
    head = shared.head
    if kept(head.path(number), head.footer(unit.key)):
        return written(head, number, unit.key)
    shard = ShardFile(head, number, unit.key)
    faulty: list[dict[str, Any]] = []
    try:
        for item in make(*shared.given):
            try:
                shard.add(item)
            except (HarkenError, OSError) as error:
                if isinstance(error, OSError) and error.errno in DISK:
                    raise
                faulty.append({"id": item.id, "reason": str(error), "plan": item.plan})
        if faulty:
            raise FaultyItems(faulty)
    except BaseException:
        shard.abandon()
        raise
    shard.close()
    return written(head, number, unit.key)
