"""Replay: a share of every batch from a second dataset, against forgetting what it teaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import DataError, RunError
from harken.item import Item, items_digest, of_split
from harken.progress import tell
from harken.runs import Run
from harken.shards.read import read_items
from harken.train.held_out import heard


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Items with their share of every batch.

    Attributes:
        items: of the source.
        share: of a batch; the shares of all sources are together 1.
        name: in the metrics; empty: not counted.
    """

    items: Sequence[Item]
    share: float = 1.0
    name: str = ""


def with_replay(
    sources: Sequence[Source], folder: str, share: float, run: Run, stage: str
) -> list[Source]:
    """`sources` and the training items of a second dataset, with `share` of every batch.

    Args:
        sources: what is trained on; their shares become smaller.
        folder: dataset or ``.jsonl`` of the second source; empty: there is none.
        share: of the second source.
        run: notes the items; a run goes on with the same ones only.
        stage: its name.

    Raises:
        DataError: no training items there, but for those that the training is measured on.
        RunError: they are not those that the run began with.
    """
    if not folder:
        return list(sources)
    items, left_out = replayed(folder)
    if not items:
        measured = f", but for {_told(left_out)}" if left_out else ""
        raise DataError(
            f"no item to replay is in the split train{measured}",
            where=folder,
            hint="Name another dataset.",
        )
    _same_items(run, stage, items, left_out, folder)
    kept = [Source(one.items, one.share * (1 - share), one.name) for one in sources]
    return [*kept, Source(items, share, "replay")]


def replayed(folder: str) -> tuple[list[Item], dict[str, int]]:
    """The items that are replayed of a dataset, and how many of its training items are not, by why.

    Items that the training is measured on are left out, and items with recordings of these; see
    `measured_on`.
    """
    ids, recordings = _measured.get()
    left_out: Counter[str] = Counter()
    items = []
    for item in of_split(list(read_items(Path(folder)))):
        if item.id in ids:
            left_out["held out"] += 1
        elif not recordings.isdisjoint(heard(item)):
            left_out["with a recording of a held-out item"] += 1
        else:
            items.append(item)
    return items, dict(sorted(left_out.items()))


_measured: ContextVar[tuple[frozenset[str], frozenset[str]]] = ContextVar(
    "measured", default=(frozenset(), frozenset())
)


@contextmanager
def measured_on(items: Iterable[Item], not_trained: Iterable[str] = ()) -> Iterator[None]:
    """A block whose training is measured on `items`: replay must not bring them back.

    Args:
        items: held-out items; their recordings are not replayed either.
        not_trained: ids of further items that are not trained on.
    """
    held = list(items)
    ids = frozenset((*(item.id for item in held), *not_trained))
    token = _measured.set((ids, frozenset(name for item in held for name in heard(item))))
    try:
        yield
    finally:
        _measured.reset(token)


def _told(left_out: Mapping[str, int]) -> str:
    return " and ".join(f"{count} {why}" for why, count in left_out.items())


def _same_items(
    run: Run, stage: str, items: Sequence[Item], left_out: Mapping[str, int], folder: str
) -> None:
    """Note the replayed items in the run, or compare them with the note."""
    now = {"items": len(items), "digest": items_digest(items)}
    name = f"{stage}-replay"
    if not run.path(f"{name}.json").is_file():
        run.write_json(name, {**now, "left_out": dict(left_out)})
        if left_out:
            tell(f"{stage}: of the items to replay, {_told(left_out)} are left out")
        return
    before: dict[str, Any] = run.read_json(name)
    if {key: before.get(key) for key in now} != now:
        raise RunError(
            f"the {now['items']} items to replay are not the {before.get('items')} that the run "
            "began with",
            where=folder,
            hint="Give the same dataset, or choose another folder for the run.",
        )
