"""One self-contained page of a training, or of several: does it learn, and does it listen?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harken.report.content as content
import harken.report.training_content as training_content
from harken.files import write_whole
from harken.report.cards import SoundBudget, choose, outcome
from harken.report.gather import find_items
from harken.report.html import item_cards, rendered
from harken.report.training_data import Training, read_trainings
from harken.runs import read_run
from harken.stats.paired import by_item, correctness

Json = dict[str, Any]

ITEMS = "items.jsonl"
RECORDS = ("records", "text-only")
"""Records of a measurement of held-out items: those with clips, and those without."""

CONDITION = "audio"


def write_training_report(
    path: Path | str,
    folders: Sequence[Path],
    *,
    title: str = "Does it listen?",
    max_items: int = 120,
) -> Path:
    """Write the page of the last training in `folders`, with all of them in one picture.

    Args:
        path: the HTML file to write.
        folders: what ``harken train -o`` wrote, or single stages.
        title: shown above the headline.
        max_items: held-out items with sound, at most.

    Raises:
        DataError: a folder has no training run.
        RunError: a run is damaged.
    """
    trainings = read_trainings(folders)
    shown = trainings[-1]
    context: Json = {
        "title": title,
        "name": shown.name,
        **training_content.headline(shown),
        "alone": training_content.alone(shown),
        "together": training_content.together(trainings) if len(trainings) > 1 else None,
        "others": [(one.name, one.stopped) for one in trainings[:-1] if one.stopped],
        "stages": training_content.stage_rows(shown),
        "card": training_content.card_content(shown),
        **_items(shown, max_items),
        "sources": _sources(trainings),
    }
    context["sections"] = training_content.plot_sections(context)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, rendered("training.html.j2", context))
    return path


def _items(training: Training, most: int) -> Json:
    """The held-out items to filter and play: the reply before, the reply now, and the answer."""
    folders = training.measurements
    if not folders:
        empty = content.browser([], SoundBudget(), 0, "")
        trouble = "no held-out items were measured before and after this training"
        return {**empty, "no_items": trouble, "before": False, "outcomes": []}
    passes = [_records(folder) for folder in folders]
    after, before = passes[-1], passes[0] if len(passes) > 1 else {}
    flips = _flips(before, after) if before else {}
    groups = {
        name: (own[0]["task"], outcome(own, own[0]["condition"]), flips.get(name, ""))
        for name, own in after.items()
    }
    chosen = choose(groups, most)
    found = find_items(folders[-1] / ITEMS, chosen)
    earlier = [("before", before)] if before else []
    cards, sounds = item_cards(chosen, found, after, earlier, flips, CONDITION)
    outcomes = dict.fromkeys(one["outcome"] for one in cards if one["outcome"])
    return {
        **content.browser(cards, sounds, len(after), found.trouble),
        "before": bool(before),
        "outcomes": list(outcomes),
    }


def _records(folder: Path) -> dict[str, list[Json]]:
    """Item id -> its records; items without clips are shown under the same condition as others."""
    run = read_run(folder)
    found: dict[str, list[Json]] = {}
    for name in RECORDS:
        for record in run.stream(name):
            found.setdefault(record["item"], []).append({**record, "condition": CONDITION})
    return found


def _flips(before: dict[str, list[Json]], after: dict[str, list[Json]]) -> dict[str, str]:
    """Item -> gained, lost, kept, missed; items that were not answered both times are absent."""
    old, new = (
        by_item(correctness([r for own in side.values() for r in own], CONDITION))
        for side in (before, after)
    )
    names = {(False, True): "gained", (True, False): "lost", (True, True): "kept"}
    return {
        item: names.get((old[item] >= 0.5, new[item] >= 0.5), "missed")
        for item in new
        if item in old
    }


def _sources(trainings: Sequence[Training]) -> list[tuple[str, str]]:
    """Where the page's numbers come from."""
    lines = []
    for one in trainings:
        stages = ", ".join(f"{stage.name} ({stage.steps} steps)" for stage in one.stages)
        lines.append((one.name, stages))
    if trainings[-1].card:
        lines.append(("held-out items", str(trainings[-1].card["source"])))
    return lines
