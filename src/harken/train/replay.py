"""Replay: a share of every batch from a second dataset, against forgetting what it teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import DataError, RunError
from harken.hashing import canonical, digest
from harken.item import Item
from harken.runs import Run
from harken.shards.read import read_items


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
        DataError: no training items there.
        RunError: they are not those that the run began with.
    """
    if not folder:
        return list(sources)
    items = list(read_items(Path(folder)))
    if any(item.split for item in items):
        items = [item for item in items if item.split == "train"]
    if not items:
        raise DataError(
            "no item to replay is in the split train", where=folder, hint="Name another dataset."
        )
    _same_items(run, stage, items, folder)
    kept = [Source(one.items, one.share * (1 - share), one.name) for one in sources]
    return [*kept, Source(items, share, "replay")]


def _same_items(run: Run, stage: str, items: Sequence[Item], folder: str) -> None:
    """Note the replayed items in the run, or compare them with the note."""
    now = {"items": len(items), "digest": digest(canonical([item.id for item in items]))}
    name = f"{stage}-replay"
    if not run.path(f"{name}.json").is_file():
        run.write_json(name, now)
        return
    before: dict[str, Any] = run.read_json(name)
    if before != now:
        raise RunError(
            f"the {now['items']} items to replay are not the {before.get('items')} that the run "
            "began with",
            where=folder,
            hint="Give the same dataset, or choose another folder for the run.",
        )
