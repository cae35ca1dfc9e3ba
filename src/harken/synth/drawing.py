"""Drawing a whole dataset on an engine: which attempt gives each item, and the units of all items.

An item is the first draw of its place that no earlier item has given. Workers draw chunks without
knowing the items before them; the driver goes through their ids in order, and draws again where one
is taken. So what is drawn does not depend on the number of workers, and the driver does the rare
part only. It holds 16 digits an item of one family and split at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from harken.engines.base import UnitTask, WorkEngine, WorkUnit
from harken.engines.run import run_units
from harken.errors import DataError
from harken.hashing import canonical, digest
from harken.item import Item, ListeningNeed
from harken.shards.build import Unit
from harken.synth.needs import NeedTally
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.question import UNIT_ITEMS, Around, DrawKey, QuestionFamily, build_item, plan_item
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
    seen: set[str] = set()
    for index in range(n):
        found = _first(Drawing((family,), (pool,), seed, staging), (0, 0), index, 0, seen)
        if found is None:
            return
        seen.add(found.item.id)
        yield found


def _first(
    drawing: Drawing,
    where: tuple[int, int],
    index: int,
    attempt: int,
    seen: set[str] | frozenset[str] = frozenset(),
) -> Drawn | None:
    """The first draw of a place, from `attempt` on, that is none of `seen`.

    `where` has the numbers of the family and of the recordings.
    """
    family, pool = drawing.kinds[where[0]], drawing.pools[where[1]]
    for number in range(attempt, ATTEMPTS):
        key = DrawKey(drawing.seed, pool.split, index, number)
        picked = plan_item(family, pool, key, drawing.staging, drawing.around)
        if picked is None:
            continue
        plan, picks = picked
        item = build_item(family, plan, picks.recordings)
        if item.id not in seen:
            return Drawn(item, number)
    return None


class Chunk(NamedTuple):
    """First draws of consecutive places: the attempt (a byte), id (64 bits) and need of each.

    It is shorter than asked for where a place has no draw.
    """

    attempts: bytes
    ids: bytes
    needs: tuple[ListeningNeed | None, ...]


def draw_chunk(shared: Drawing, unit: WorkUnit) -> Chunk:
    """The first draw of each place of a chunk: the work of a worker."""
    kind, pool, start, stop = unit.value
    attempts, ids = bytearray(), array("Q")
    needs: list[ListeningNeed | None] = []
    for index in range(start, stop):
        found = _first(shared, (kind, pool), index, 0)
        if found is None:
            break
        attempts.append(found.attempt)
        ids.append(int(found.item.id, 16))
        needs.append(found.item.need)
    return Chunk(bytes(attempts), ids.tobytes(), tuple(needs))


@dataclass(slots=True)
class _Asked:
    """What is asked of one family in one split, and how much of it is drawn."""

    kind: int
    pool: int
    n: int
    attempts: bytearray = field(default_factory=bytearray)
    needs: NeedTally = field(default_factory=NeedTally)
    seen: set[int] = field(default_factory=set)
    waiting: dict[int, Chunk] = field(default_factory=dict)
    ended: bool = False

    def take(self, drawing: Drawing, start: int, chunk: Chunk) -> None:
        """Take a chunk, and go through all that are next in order."""
        self.waiting[start] = chunk
        while not self.ended and (chunk := self.waiting.pop(len(self.attempts), _NONE)) != _NONE:
            self._through(drawing, chunk)
        if self.ended or len(self.attempts) >= self.n:
            self.ended, self.seen, self.waiting = True, set(), {}

    def _through(self, drawing: Drawing, chunk: Chunk) -> None:
        begin, name = len(self.attempts), drawing.kinds[self.kind].name
        for attempt, own, need in zip(
            chunk.attempts, array("Q", chunk.ids), chunk.needs, strict=True
        ):
            if own in self.seen:
                again = self._again(drawing, attempt)
                if again is None:
                    self.ended = True
                    return
                attempt, own, need = again.attempt, int(again.item.id, 16), again.item.need
            self.attempts.append(attempt)
            self.seen.add(own)
            self.needs.add(name, need)
        self.ended = len(chunk.attempts) < min(CHUNK, self.n - begin)

    def _again(self, drawing: Drawing, attempt: int) -> Drawn | None:
        """The first draw of the next place after `attempt` that gives an item not seen."""
        while True:
            found = _first(drawing, (self.kind, self.pool), len(self.attempts), attempt + 1)
            if found is None or int(found.item.id, 16) not in self.seen:
                return found
            attempt = found.attempt


_NONE = Chunk(b"", b"none", ())


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
        picked = plan_item(family, own, key, drawing.staging, drawing.around)
        if picked is None:
            raise DataError(
                f"{family.name} item {start + offset} could be drawn before, but not now"
            )
        plan, picks = picked
        yield build_item(family, plan, picks.recordings)
