"""Items at the door: reading a dataset or a .jsonl file, and printing items with their clips."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.errors import DataError

if TYPE_CHECKING:
    from harken.item import Item


def open_items(source: Path) -> Iterator[Item]:
    """The items of a dataset folder or a .jsonl file, streamed."""
    from harken.shards import read_items, read_jsonl

    if source.is_dir():
        return read_items(source)
    if source.is_file():
        return read_jsonl(source)
    raise DataError("there is nothing", where=str(source), mend="Make a dataset: harken synth")


def read_split(source: Path, split: str = "", limit: int = 0) -> list[Item]:
    """The items of one split (all if empty), at most `limit` (0: all), evenly spread over it.

    Raises:
        DataError: none is left; the splits that are there are named.
    """
    seen: dict[str, int] = {}
    found: list[Item] = []
    for item in open_items(source):
        seen[item.split] = seen.get(item.split, 0) + 1
        if not split or item.split == split:
            found.append(item)
    if not found:
        there = ", ".join(f"{name or '(none)'} {n}" for name, n in sorted(seen.items()))
        raise DataError(
            f"no item is in split {split!r}",
            where=str(source),
            mend=f"Splits found: {there or 'no items at all'}. Use --split with one of them.",
        )
    # Datasets lie task by task: the first so many would be of one task only.
    return (
        [found[i * len(found) // limit] for i in range(limit)] if 0 < limit < len(found) else found
    )


def pick(source: Path, item: str | None, task: str | None, limit: int) -> list[Item]:
    """The items to show: those whose id starts with `item`, or the first of a task."""
    wanted = (
        one
        for one in open_items(source)
        if (item is None or one.id.startswith(item)) and (task is None or one.task == task)
    )
    found = list(islice(wanted, limit))
    if not found:
        raise DataError(
            f"no item matches id {item!r} and task {task!r}",
            where=str(source),
            mend="Leave both out to see the first items.",
        )
    return found


def write_clips(items: list[Item], folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Write each item's clips as ``<id>-<n>.wav``; gives the paths and the clips that failed."""
    from harken import audio
    from harken.errors import AudioError
    from harken.progress import track

    folder.mkdir(parents=True, exist_ok=True)
    paths, failed = [], []
    for item in track(items, "writing clips"):
        for number, clip in enumerate(item.clips, 1):
            path = folder / f"{item.id}-{number}.wav"
            try:
                audio.write_wav(path, audio.load(clip), audio.RATE_HZ)
            except AudioError as error:
                failed.append({"clip": path.name, "reason": error.reason, "found": str(error)})
            else:
                paths.append(str(path))
    return paths, failed


def describe(item: Item) -> str:
    """An item as a person reads it: question, clips, choices with the answer starred, reasons."""
    from harken import audio

    lines = [f"{item.id}  {item.task}  {item.split}", f"  {item.question}"]
    for number, clip in enumerate(item.clips, 1):
        length = f"{clip.duration_s:.2f} s" if clip.duration_s is not None else "whole"
        what = Path(clip.path).name if clip.path else clip.kind
        if isinstance(clip.plan, audio.Plan):
            what = f"scene of {len(clip.plan.parts)} sounds"
        lines.append(f"  clip {number}: {what}, {length}")
    for choice in item.choices:
        lines.append(f"  {'*' if choice == item.answer else '-'} {choice}")
    if not item.choices:
        lines.append(f"  answer: {item.answer}")
    lines += [f"  because {text}" for text in item.rationales]
    own = item.contribution
    if own is not None:
        bits = "" if own.bits is None else f", {own.bits:+.2f} bits"
        lines.append(f"  audio contribution: {own.label} by {own.rule}{bits}")
        if own.shapley:
            lines.append("  clip shares: " + ", ".join(f"{v:+.2f}" for v in own.shapley))
    lines.append(f"  from {', '.join(item.recordings) or 'no recording'}; {item.licence or '?'}")
    lines += [f"  {mark.step}: {mark.note}" for mark in item.history]
    return "\n".join(lines)


def as_json(items: list[Item]) -> list[dict[str, Any]]:
    """The items as plain values."""
    return [item.to_dict() for item in items]
