"""Drawing a whole dataset on an engine: which attempt gives each item, and the units of all items.

An item is the first draw of its place that no earlier item has given. Workers draw chunks without
knowing the items before them; the driver goes through their ids in order, and draws again where one
is taken. So what is drawn does not depend on the number of workers, and the driver does the rare
part only. It holds eight bytes an item of one family and split at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harken.engines.base import UnitTask, WorkEngine, WorkUnit
from harken.engines.run import run_units
from harken.errors import DataError
from harken.hashing import canonical, digest
from harken.item import Item, ListeningNeed
from harken.shards.build import Unit
from harken.synth.needs import NeedTally, need_row
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.question import (
    UNIT_ITEMS,
    Around,
    DrawKey,
    Picked,
    QuestionFamily,
    build_picked,
    pick_item,
    sketch,
)
from harken.synth.seen import Ids, SeenIds
from harken.synth.staging import USUAL, Staging
from harken.synth.surroundings import surrounded

ATTEMPTS = 100
"""Attempts at one item before a family counts as exhausted."""

CHUNK = 4 * UNIT_ITEMS
"""Items that a worker draws at a time."""


class Drawn(NamedTuple):
    """An item, and the attempt that gave it."""

    item: Item
    attempt: int


class FirstDraw(NamedTuple):
    """A draw that gives an item, which is not made yet: its id (64 bits), need and attempt."""

    id: int
    need: ListeningNeed | None
    picked: Picked

    @property
    def attempt(self) -> int:
        """The attempt that gave it."""
        return self.picked.key.attempt


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn from: families, recordings by split, the seed of all draws, settings."""

    kinds: tuple[QuestionFamily, ...]
    pools: tuple[RecordingPool, ...]
    seed: int
    staging: Staging = USUAL

    @property
    def around(self) -> Around | None:
        """What adds the surroundings of scenes to the picks of an item."""
        own = self.staging.around
        return None if own is None else partial(surrounded, own)

    @property
    def identity(self) -> str:
        """A hash of it."""
        own = [fingerprint(pool.recordings) for pool in self.pools]
        told = [[kind.name for kind in self.kinds], own, self.seed]
        unusual = self.staging.to_dict()
        return digest(canonical([*told, unusual] if unusual else told))


def drawn(
    family: QuestionFamily, pool: RecordingPool, n: int, seed: int, staging: Staging = USUAL
) -> Iterator[Drawn]:
    """Items in order, each with the attempt that gave it; ends when no new item is found.

    It ends instead of leaving gaps, which keeps the items balanced.
    """
    seen: set[int] = set()
    for index in range(n):
        found = _first(Drawing((family,), (pool,), seed, staging), (0, 0), index, 0, seen)
        if found is None:
            return
        seen.add(found.id)
        yield Drawn(build_picked(family, found.picked), found.attempt)


def _first(
    drawing: Drawing,
    where: tuple[int, int],
    index: int,
    attempt: int,
    seen: set[int] | frozenset[int] = frozenset(),
) -> FirstDraw | None:
    """The first draw of a place, from `attempt` on, that is none of `seen`.

    `where` has the numbers of the family and of the recordings.
    """
    family, pool = drawing.kinds[where[0]], drawing.pools[where[1]]
    for number in range(attempt, ATTEMPTS):
        key = DrawKey(drawing.seed, pool.split, index, number)
        picked = pick_item(family, pool, key, drawing.staging, drawing.around)
        if picked is None:
            continue
        own, need = sketch(family, picked)
        if own not in seen:
            return FirstDraw(own, need, picked)
    return None


class Chunk(NamedTuple):
    """First draws of consecutive places: attempt (a byte), id (64 bits), need (three doubles).

    It is shorter than asked for where a place has no draw.
    """

    attempts: bytes
    ids: bytes
    needs: bytes


def draw_chunk(shared: Drawing, unit: WorkUnit) -> Chunk:
    """The first draw of each place of a chunk: the work of a worker."""
    kind, pool, start, stop = unit.value
    attempts, ids, needs = bytearray(), array("Q"), array("d")
    for index in range(start, stop):
        found = _first(shared, (kind, pool), index, 0)
        if found is None:
            break
        attempts.append(found.attempt)
        ids.append(found.id)
        needs.extend(need_row(found.need))
    return Chunk(bytes(attempts), ids.tobytes(), needs.tobytes())


@dataclass(slots=True)
class _Asked:
    """What is asked of one family in one split, and how much of it is drawn."""

    kind: int
    pool: int
    n: int
    attempts: bytearray = field(default_factory=bytearray)
    needs: NeedTally = field(default_factory=NeedTally)
    seen: SeenIds = field(default_factory=SeenIds)
    waiting: dict[int, Chunk] = field(default_factory=dict)
    ended: bool = False

    def take(self, drawing: Drawing, start: int, chunk: Chunk) -> None:
        """Take a chunk, and go through all that are next in order."""
        self.waiting[start] = chunk
        while not self.ended and (chunk := self.waiting.pop(len(self.attempts), _NONE)) != _NONE:
            self._through(drawing, chunk)
        if self.ended or len(self.attempts) >= self.n:
            self.ended, self.seen, self.waiting = True, SeenIds(), {}

    def _through(self, drawing: Drawing, chunk: Chunk) -> None:
        """Take the items of a chunk in order, those that are taken already drawn again."""
        begin, name = len(self.attempts), drawing.kinds[self.kind].name
        ids = np.frombuffer(chunk.ids, np.uint64).copy()
        needs = np.frombuffer(chunk.needs, np.float64).reshape(-1, 3).copy()
        attempts = bytearray(chunk.attempts)
        count = len(ids)
        if len(np.unique(ids)) < count or self.seen.holds(ids).any():
            count = self._drawn_again(drawing, attempts, ids, needs)
        self.attempts += attempts[:count]
        self.seen.add(ids[:count])
        self.needs.add_rows(name, needs[:count])
        self.ended = count < min(CHUNK, self.n - begin)

    def _drawn_again(
        self, drawing: Drawing, attempts: bytearray, ids: Ids, needs: NDArray[np.float64]
    ) -> int:
        """Draw those items of a chunk again that are taken already; returns how many there are."""
        taken, own = self.seen.holds(ids), set[int]()
        for n, attempt in enumerate(attempts):
            number = int(ids[n])
            if taken[n] or number in own:
                found = self._again(drawing, len(self.attempts) + n, attempt, own)
                if found is None:
                    return n
                number = found.id
                attempts[n], ids[n], needs[n] = found.attempt, number, need_row(found.need)
            own.add(number)
        return len(attempts)

    def _again(self, drawing: Drawing, index: int, attempt: int, own: set[int]) -> FirstDraw | None:
        """The first draw of a place after `attempt` that gives an item not seen, nor in `own`."""
        while True:
            found = _first(drawing, (self.kind, self.pool), index, attempt + 1)
            if found is None:
                return None
            if found.id not in own and found.id not in self.seen:
                return found
            attempt = found.attempt


_NONE = Chunk(b"", b"none", b"")


def plan_units(
    drawing: Drawing, per_family: int | Mapping[str, int], engine: WorkEngine
) -> tuple[list[Unit], dict[str, dict[str, Any]]]:
    """The units; counts, skipped and short by "family/split"; needs by family."""
    report: dict[str, dict[str, Any]] = {"counts": {}, "skipped": {}, "short": {}}
    asked: list[tuple[str, _Asked]] = []
    for k, kind in enumerate(drawing.kinds):
        for p, pool in enumerate(drawing.pools):
            n = per_family if isinstance(per_family, int) else per_family.get(pool.split, 0)
            reason = kind.lacks(pool)
            if reason:
                report["skipped"][f"{kind.name}/{pool.split}"] = f"split {pool.split!r}: {reason}"
            else:
                asked.append((f"{kind.name}/{pool.split}", _Asked(k, p, n)))
    _draw([one for _, one in asked], drawing, engine)
    units: list[Unit] = []
    needs = NeedTally()
    for key, one in asked:
        needs.update(one.needs)
        attempts, pool = bytes(one.attempts), drawing.pools[one.pool]
        if one.n and not attempts:
            found = "no recordings fit together for one item"
            report["skipped"][key] = f"split {pool.split!r}: {found}"
            continue
        report["counts"][key] = len(attempts)
        if len(attempts) < one.n:
            found = f"{len(attempts)} different items could be drawn, {one.n} were asked for"
            report["short"][key] = found
        units += _units(key, one.kind, one.pool, attempts)
    report["needs"] = needs.summary()
    return units, report


def _draw(asked: Sequence[_Asked], drawing: Drawing, engine: WorkEngine) -> None:
    """Draw all that is asked: the first chunks, then the rest of what is not exhausted by then."""
    task = UnitTask(drawing.identity, draw_chunk, drawing)
    for first in (True, False):
        chunks = [
            (one, start)
            for one in asked
            if not one.ended
            for start in (range(min(one.n, 1)) if first else range(CHUNK, one.n, CHUNK))
        ]
        run_units(
            task,
            [_chunk_unit(drawing, one, start) for one, start in chunks],
            engine,
            f"drawing questions, up to {CHUNK} at a time",
            take=lambda place, chunk, chunks=chunks: chunks[place][0].take(  # type: ignore[misc]
                drawing, chunks[place][1], chunk
            ),
        ).raise_any()


def _chunk_unit(drawing: Drawing, one: _Asked, start: int) -> WorkUnit:
    stop = min(start + CHUNK, one.n)
    key = f"{drawing.kinds[one.kind].name}/{drawing.pools[one.pool].split}/from {start}"
    return WorkUnit(key, (one.kind, one.pool, start, stop), stop - start)


def _units(key: str, kind: int, pool: int, attempts: bytes) -> Iterable[Unit]:
    for start in range(0, len(attempts), UNIT_ITEMS):
        own = attempts[start : start + UNIT_ITEMS]
        name = f"{key}/{start // UNIT_ITEMS}"
        yield Unit(name, partial(make_unit, kind, pool, start, own), len(own))


def make_unit(
    kind: int, pool: int, start: int, attempts: bytes, drawing: Drawing
) -> Iterator[Item]:
    """The items of one unit; with the attempts known, no item depends on earlier ones."""
    family, own = drawing.kinds[kind], drawing.pools[pool]
    for offset, attempt in enumerate(attempts):
        key = DrawKey(drawing.seed, own.split, start + offset, attempt)
        picked = pick_item(family, own, key, drawing.staging, drawing.around)
        if picked is None:
            raise DataError(
                f"{family.name} item {start + offset} could be drawn before, but not now"
            )
        yield build_picked(family, picked)
