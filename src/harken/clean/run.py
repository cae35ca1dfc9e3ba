"""The job: filters in order, what they keep and what they drop, and the loss account.

::

    <out>/kept/        a dataset, in the order of the input
    <out>/dropped/     a dataset; the last line of an item's history names its filter and its reason
    <out>/features/    fingerprints and embeddings, while the job is not complete
    <out>/clean.json   last: what every filter read, kept, dropped by reason, and told

What a filter read is what the one before it kept, and what all read is what was kept and dropped:
both are checked before ``clean.json`` is written. Items are held in memory. A job that is killed
and run again takes up what was computed of the audio, and writes the same bytes.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harken.clean.load import FilterStep, filters_of
from harken.clean.workspace import Workspace
from harken.engines.base import WorkEngine
from harken.errors import DataError
from harken.files import held, write_json
from harken.hashing import sealed
from harken.item import Item, items_digest
from harken.progress import tell
from harken.shards.info import read_info
from harken.shards.steps import Counts, run_steps

SUMMARY = "clean.json"
KEPT, DROPPED, FEATURES = "kept", "dropped", "features"


def run(
    items: Iterable[Item],
    out: Path | str,
    *,
    filters: Sequence[str] = (),
    seed: int = 0,
    engine: WorkEngine | None = None,
    embed: bool = False,
    root: Path | str | None = None,
) -> dict[str, Any]:
    """Pass `items` through `filters` into `out`; returns the summary.

    Args:
        items: all items, of all splits.
        out: the folder; the same call resumes an unfinished job in it.
        filters: names with settings (`harken.clean.load`), in order; empty: the default ones.
        seed: of all that is drawn.
        engine: where audio is decoded; None: in this process.
        embed: copy the audio into the datasets.
        root: folder that stored audio paths are relative to.

    Raises:
        ConfigError: an unknown filter, setting or value.
        DataError: no items; `out` holds another job; a filter lost items.
    """
    out, known = Path(out), list(items)
    if not known:
        raise DataError("there are no items to clean")
    steps = filters_of(filters, Workspace(out / FEATURES, seed, engine))
    spec = {
        "job": "clean",
        "items": items_digest(known),
        "filters": [step.spec for step in steps],
        "seed": seed,
    }
    out.mkdir(parents=True, exist_ok=True)
    with held(out, DataError):
        for line in plan_lines(plan_of(known, steps)):
            tell(line)
        counts = run_steps(
            known, steps, out / KEPT, out / DROPPED, name=KEPT, plan=spec, embed=embed, root=root
        )
        summary = {**spec, **account(counts), "splits": _splits(out)}
        write_json(out / SUMMARY, sealed(summary))
        shutil.rmtree(out / FEATURES, ignore_errors=True)
    return summary


def plan_of(items: Sequence[Item], steps: Sequence[FilterStep]) -> dict[str, Any]:
    """What is to be done: items by split and task, their clips, and the filters in order."""
    clips = {clip.key: clip for item in items for clip in item.clips}
    lengths = [clip.duration_s for clip in clips.values() if clip.duration_s is not None]
    return {
        "items": len(items),
        "splits": dict(sorted(Counter(item.split for item in items).items())),
        "tasks": dict(sorted(Counter(item.task for item in items).items())),
        "clips": len(clips),
        "hours": round(sum(lengths) / 3600, 4),
        "clips_without_length": len(clips) - len(lengths),
        "filters": [step.spec for step in steps],
    }


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """`plan_of` in words, a line each."""
    splits = ", ".join(f"{name or '(none)'} {n:,}" for name, n in plan["splits"].items())
    more = plan["clips_without_length"]
    unknown = f", {more:,} clips of unknown length" if more else ""
    lines = [
        f"{plan['items']:,} items ({splits}), {plan['clips']:,} different clips, "
        f"{plan['hours']:.2f} h{unknown}",
    ]
    for number, one in enumerate(plan["filters"], 1):
        settings = ", ".join(f"{name}={value}" for name, value in one["settings"].items())
        lines.append(f"{number}. {one['filter']}" + (f" ({settings})" if settings else ""))
    return lines


def account(counts: Counts) -> dict[str, Any]:
    """The loss account: read, kept and dropped, in all and by filter.

    Raises:
        DataError: the numbers do not add up: a filter lost items, or made some.
    """
    read = counts.seen
    for step in counts.steps:
        dropped = sum(step["dropped"].values())
        if step["read"] != read or step["read"] != step["kept"] + dropped:
            raise DataError(
                f"the filter {step['step']} was given {read} items, read {step['read']}, kept "
                f"{step['kept']} and dropped {dropped}",
                hint="A filter must return every item once, or a Drop with the reason.",
            )
        read = step["kept"]
    if read != counts.kept:
        raise DataError(f"the filters kept {read} items, and {counts.kept} were written")
    return {
        "read": counts.seen,
        "kept": counts.kept,
        "dropped": counts.seen - counts.kept,
        "steps": counts.steps,
    }


def _splits(out: Path) -> dict[str, dict[str, int]]:
    """Split -> items kept and dropped, as they are on disk."""
    found = {name: read_info(out / name).counts["split"] for name in (KEPT, DROPPED)}
    names = sorted({split for counts in found.values() for split in counts})
    return {split: {name: found[name].get(split, 0) for name in found} for split in names}
