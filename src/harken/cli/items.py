"""Items for commands: read a dataset or a .jsonl file, and write the clips of items."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.errors import DataError

if TYPE_CHECKING:
    from harken.item import Item


def open_items(source: Path, audio_root: Path | None = None) -> Iterator[Item]:
    """The items of a dataset, a .jsonl file or another program's training set, streamed."""
    from harken.shards.read import read_items

    return read_items(source, audio_root)


def is_dataset(path: Path) -> bool:
    """Whether a path has items: a dataset of harken, a file, or a folder of another program."""
    from harken.shards.formats.load import recognise
    from harken.shards.info import MARKER

    return path.is_file() or (path / MARKER).is_file() or recognise(path) is not None


def read_split(
    source: Path, split: str = "", limit: int = 0, audio_root: Path | None = None
) -> list[Item]:
    """The items of one split (all if empty), at most `limit` (0: all), evenly spread over it.

    Raises:
        DataError: none is left; the error lists the splits found.
    """
    seen: dict[str, int] = {}
    found: list[Item] = []
    for item in open_items(source, audio_root):
        seen[item.split] = seen.get(item.split, 0) + 1
        if not split or item.split == split:
            found.append(item)
    if not found:
        there = ", ".join(f"{name or '(none)'} {n}" for name, n in sorted(seen.items()))
        raise DataError(
            f"no item is in split {split!r}",
            where=str(source),
            hint=f"Splits found: {there or 'no items at all'}. Use --split with one of them.",
        )
    # Datasets are stored task by task: the first few would be of one task only.
    return (
        [found[i * len(found) // limit] for i in range(limit)] if 0 < limit < len(found) else found
    )


def pick(
    source: Path,
    item: str | None,
    task: str | None,
    limit: int,
    audio_root: Path | None = None,
    tag: str | None = None,
) -> list[Item]:
    """The items to show: those whose id starts with `item`, or the first of a task or tag."""
    wanted = (
        one
        for one in open_items(source, audio_root)
        if (item is None or one.id.startswith(item))
        and (task is None or one.task == task)
        and (tag is None or tag in one.tags)
    )
    found = list(islice(wanted, limit))
    if not found:
        raise DataError(
            f"no item matches id {item!r}, task {task!r} and tag {tag!r}",
            where=str(source),
            hint="Leave them out to see the first items.",
        )
    return found


def write_clips(items: list[Item], folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Write each item's clips as ``<id>-<n>.wav``; gives the paths and the clips that failed."""
    from harken.audio.clip import RATE_HZ
    from harken.audio.load import load, write_wav
    from harken.errors import AudioError
    from harken.progress import track

    folder.mkdir(parents=True, exist_ok=True)
    paths, failed = [], []
    for item in track(items, "writing clips"):
        for number, clip in enumerate(item.clips, 1):
            path = folder / f"{item.id}-{number}.wav"
            try:
                write_wav(path, load(clip), RATE_HZ)
            except AudioError as error:
                failed.append({"clip": path.name, "reason": error.reason, "found": str(error)})
            else:
                paths.append(str(path))
    return paths, failed


def as_json(items: list[Item]) -> list[dict[str, Any]]:
    """The items as plain values."""
    return [item.to_dict() for item in items]
