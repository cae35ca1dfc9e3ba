"""The descent of one item through folders of synth, clean, curate and mixtures, by its id.

A step that changes an item gives it another id and names the former one in its history, and a
filter that drops a copy names the item that stays. So ids in histories are followed, in both
directions: to what an item was made of, and to what was made, or dropped, because of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.item import Item
from harken.listed import listed
from harken.progress import track
from harken.shards.info import MARKER, read_info
from harken.shards.read import Dataset, open_dataset, read_items

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_MOST_FOLLOWED = 200
"""Items that are followed from one id: a leader of thousands of copies has no end otherwise."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item, and where it is stored.

    Attributes:
        folder: the dataset's folder, or the file.
        item: the item as it is there.
    """

    folder: str
    item: Item

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {"folder": self.folder, "item": self.item.to_dict()}


@dataclass(frozen=True, slots=True)
class Descent:
    """What became of an item.

    Attributes:
        id: its id.
        places: where it is, in the order of the folders that were searched.
        made_of: id -> where items are that its history names: what it was made of, or the item
            that it duplicates; their own ones included.
        named_by: id -> where items are whose history names it: made of it, or dropped as copies.
        not_found: ids in its history that are in none of the folders.
        more: items that name it and are not listed.
    """

    id: str
    places: tuple[StoredItem, ...]
    made_of: dict[str, tuple[StoredItem, ...]]
    named_by: dict[str, tuple[StoredItem, ...]]
    not_found: tuple[str, ...] = ()
    more: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "id": self.id,
            "places": [place.to_dict() for place in self.places],
            "made_of": {name: [p.to_dict() for p in own] for name, own in self.made_of.items()},
            "named_by": {name: [p.to_dict() for p in own] for name, own in self.named_by.items()},
            "not_found": list(self.not_found),
            "more": self.more,
        }


def explain(prefix: str, folders: Sequence[Path]) -> Descent:
    """Find an item and what its history leads to.

    Args:
        prefix: its id, or the beginning of it.
        folders: datasets, folders with datasets below them, or files of items, in the order in
            which they were made.

    Raises:
        DataError: the id is nowhere, or several items have this beginning.
    """
    if not re.fullmatch(r"[0-9a-f]{1,16}", prefix):
        raise DataError(
            f"{prefix!r} is no id, nor the beginning of one",
            hint="Ids are 16 hex digits: harken show FOLDER lists them.",
        )
    sources = [source for folder in folders for source in _sources(folder)]
    named: dict[str, list[str]] = {}  # id -> ids in the histories of that item
    held: dict[str, list[int]] = {}  # id -> the sources it is in
    for number, source in enumerate(track(sources, "search")):
        for name, history in _rows(source):
            ids = [one for entry in history for one in _ID.findall(entry["note"]) if one != name]
            named.setdefault(name, []).extend(ids)
            if number not in held.setdefault(name, []):
                held[name].append(number)
    found = sorted(name for name in held if name.startswith(prefix))
    if not found:
        where = listed([str(source) for source in sources], 4)
        raise DataError(
            f"no item has the id {prefix!r}",
            where=where or ", ".join(map(str, folders)),
            hint="Name the folders that it may be in: of harken synth, clean, curate.",
        )
    if len(found) > 1:
        raise DataError(
            f"{len(found)} items have ids that begin with {prefix!r}: {listed(found, 5)}",
            hint="Give more of the id.",
        )
    return _descent(found[0], sources, named, held)


def _descent(
    wanted: str,
    sources: Sequence[Path],
    named: dict[str, list[str]],
    held: dict[str, list[int]],
) -> Descent:
    """Follow the ids of histories, and read the items."""
    ancestors: list[str] = []
    waiting = [wanted]
    while waiting and len(ancestors) < _MOST_FOLLOWED:
        for name in dict.fromkeys(named.get(waiting.pop(0), ())):
            if name != wanted and name not in ancestors:
                ancestors.append(name)
                waiting.append(name)
    heirs = sorted(name for name, ids in named.items() if wanted in ids and name not in ancestors)
    shown = heirs[:_MOST_FOLLOWED]
    opened: dict[int, Dataset | dict[str, Item]] = {}

    def places(name: str) -> tuple[StoredItem, ...]:
        return tuple(
            StoredItem(str(sources[number]), _item(sources[number], name, opened, number))
            for number in held.get(name, ())
        )

    return Descent(
        wanted,
        places(wanted),
        {name: places(name) for name in ancestors if name in held},
        {name: places(name) for name in shown},
        tuple(name for name in ancestors if name not in held),
        len(heirs) - len(shown),
    )


def _item(
    source: Path, name: str, opened: dict[int, Dataset | dict[str, Item]], number: int
) -> Item:
    if number not in opened:
        is_dataset = (source / MARKER).is_file()
        opened[number] = (
            open_dataset(source) if is_dataset else {i.id: i for i in read_items(source)}
        )
    known = opened[number]
    return known.get(name) if isinstance(known, Dataset) else known[name]


def _sources(folder: Path) -> Iterator[Path]:
    """The datasets at or below a folder, in the order of their names; or a file of items."""
    if not folder.exists():
        raise DataError("there is no such folder", where=str(folder), hint="Check the path.")
    if folder.is_file():
        yield folder
        return
    found = False
    for name, below, files in os.walk(folder):
        below.sort()
        if MARKER in files:
            found = True
            read_info(Path(name))
            yield Path(name)
    if not found:
        raise DataError(
            "there is no dataset in the folder",
            where=str(folder),
            hint="Name the folder that harken synth, clean or curate has written.",
        )


def _rows(source: Path) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """(id, history) of every item; of a dataset these columns only."""
    if (source / MARKER).is_file():
        for row in open_dataset(source).rows(["id", "history"]):
            yield row["id"], row["history"] or []
        return
    for item in read_items(source):
        yield item.id, [{"step": entry.step, "note": entry.note} for entry in item.history]
