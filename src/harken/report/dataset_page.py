"""One self-contained page of a dataset: what is in it, what its text gives away, and its sound."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

import harken.report.content as content
from harken.errors import DataError
from harken.files import write_whole
from harken.hashing import digest
from harken.item import Item
from harken.progress import track
from harken.report.cards import SoundBudget, choose, item_card
from harken.report.dataset_stats import DatasetCounts, TaskCounts
from harken.report.html import rendered
from harken.report.plots import counts, histogram

Json = dict[str, Any]

MOST_BARS = 24
"""Bars of a plot; of what is rarer the sum is told."""


def write_dataset_report(
    path: Path | str, items: Iterable[Item], name: str, *, max_items: int = 120
) -> Path:
    """Write the page of a dataset, in one pass over it.

    Args:
        path: the HTML file to write.
        items: of the dataset; streamed.
        name: of the dataset, as it is shown.
        max_items: items with sound, at most: tasks in turn, in an order drawn from the item ids.

    Raises:
        DataError: there are no items.
    """
    found = DatasetCounts()
    chosen = _chosen(found.through(track(items, "report: counting")), max_items)
    if not found.items:
        raise DataError("the dataset has no items", where=name)
    cards, sounds = _cards(chosen)
    browser = content.browser(cards, sounds, found.items, "")
    browser["rule"] = (
        f"{len(cards):,} of {found.items:,} items are in this page: tasks in turn, each in an "
        f"order drawn from the item ids, until it is full ({sounds.used / 1e6:.1f} MB of audio)."
    )
    context: Json = {
        "title": "What is in it?",
        "name": name,
        **_head(found),
        "measured": any(own.labels for own in found.tasks.values()),
        "needs": any(own.proof[0] or own.window[0] for own in found.tasks.values()),
        "tasks": [_task_row(task, own) for task, own in sorted(found.tasks.items())],
        "plots": _plots(found),
        **browser,
        "outcomes": [],
        "before": False,
        "sources": _sources(found),
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, rendered("dataset.html.j2", context))
    return path


def _chosen(items: Iterable[Item], most: int) -> list[Item]:
    """Up to `most` items of each task, with the lowest hashes of their ids; then tasks in turn."""
    kept: dict[str, list[tuple[int, int, Item]]] = {}
    for number, item in enumerate(items):
        heap = kept.setdefault(item.task, [])
        entry = (-int(digest(f"0:{item.id}"), 16), -number, item)
        if len(heap) < most:
            heapq.heappush(heap, entry)
        elif most:
            heapq.heappushpop(heap, entry)
    known = {item.id: item for heap in kept.values() for _, _, item in heap}
    groups = {name: (item.task,) for name, item in known.items()}
    return [known[name] for name in choose(groups, most)]


def _cards(items: Sequence[Item]) -> tuple[list[Json], SoundBudget]:
    """The cards of the items, as many as the audio budget allows."""
    sounds = SoundBudget()
    found = []
    for item in track(items, "report: items", total=len(items)):
        clips = sounds.take(item)
        if clips is not None:
            found.append(item_card(item, clips))
    return sorted(found, key=lambda one: (one["task"], one["id"])), sounds


def _head(found: DatasetCounts) -> Json:
    """Headline and figures."""
    hours = found.seconds / 3600
    length = f"{hours:.1f} h" if hours >= 1 else f"{found.seconds / 60:.1f} min"
    figures = [
        ("items", f"{found.items:,}", ""),
        ("tasks", f"{len(found.tasks):,}", ""),
        ("distinct clips", f"{found.clips:,}", ""),
        ("audio", length, f"{found.unknown_length:,} clips of unknown length"
         if found.unknown_length else ""),
        ("recordings", f"{found.recordings:,}", ""),
        ("speakers", f"{found.speakers:,}", ""),
    ]  # fmt: skip
    told = [task for task, own in found.tasks.items() if _given_away(own)]
    lead = (
        "In "
        + ", ".join(sorted(told))
        + " an answer can be guessed above chance without audio or question: see the table."
        if told
        else "No task gives its answers away by their position, their length or their frequency."
    )
    closed = sum(own.closed for own in found.tasks.values())
    several = "s" if len(found.tasks) > 1 else ""
    verdict = (
        f"{found.items:,} questions of {len(found.tasks)} task{several}",
        lead if closed else "All questions are open.",
    )
    return {
        "verdict": verdict,
        "figures": [{"name": n, "value": v, "unit": u} for n, v, u in figures if v != "0"],
    }


def _given_away(own: TaskCounts) -> bool:
    """Whether the interval of a way to guess is wholly above chance by 5 points or more."""
    chance = own.chance
    ways = (own.first_position, own.common_answer, own.longest_right)
    return chance is not None and any(way is not None and way[1] > chance + 0.05 for way in ways)


def _task_row(task: str, own: TaskCounts) -> Json:
    """A row of the table of tasks."""
    return {
        "task": task,
        "items": own.items,
        "closed": own.closed,
        "clips": own.clips / own.items,
        "words": own.words / own.items,
        "chance": own.chance,
        "position": own.first_position,
        "common": own.common_answer,
        "longest": own.longest_right,
        "labels": {name: own.labels[name] for name in ("weak", "strong", "undecided")},
        "measured": bool(own.labels),
        "proof": own.caption_proof,
        "need": own.need,
        "told": _given_away(own),
    }


def _plots(found: DatasetCounts) -> list[tuple[str, str, Markup]]:
    """(id, heading, plot) of what there is."""
    tasks = {task: own.items for task, own in found.tasks.items()}
    made = [
        ("items-by-task", "Items by task", _bars(tasks)),
        ("items-by-split", "Items by split", _bars(_named(found.splits))),
    ]
    if found.skills:
        made.append(("skills", "Items by the skill that they train", _bars(found.skills)))
    if found.labels:
        made.append(("sounds", "Sources in the clips, by label", _bars(found.labels)))
    if found.sources:
        by_number = {f"{number} in front": n for number, n in sorted(found.sources.items())}
        made.append(("sources", "Clips by number of sources", _bars(by_number, ordered=True)))
    if len(found.layouts) > 1 or any(name not in ("mono", "not known") for name in found.layouts):
        made.append(("layouts", "Clips by layout of their channels", _bars(found.layouts)))
    if found.bits:
        made.append(("bits", "What the audio adds, by item", histogram(found.bits, "bits")))
    made.append(("licences", "Items by licence", _bars(_named(found.licences))))
    return made


def _bars(found: Mapping[str, int], ordered: bool = False) -> Markup:
    """Counts as bars, the largest first unless they have an order."""
    rows = list(found.items())
    if not ordered:
        rows.sort(key=lambda pair: (-pair[1], pair[0]))
    shown, rest = rows[:MOST_BARS], rows[MOST_BARS:]
    return counts(shown, _further(rest))


def _further(rest: Sequence[tuple[str, int]]) -> str:
    """What is not drawn, in words."""
    total = sum(count for _, count in rest)
    return f"and {len(rest)} more, {total:,} together" if rest else ""


def _named(found: Counter[str]) -> dict[str, int]:
    """Counts with a name for what has none."""
    return {name or "(none)": count for name, count in found.items()}


def _sources(found: DatasetCounts) -> list[tuple[str, str]]:
    """How the items were made."""
    steps = ", ".join(f"{step} {n:,}" for step, n in sorted(found.steps.items()))
    return [("steps in the items' history", steps or "none")]
