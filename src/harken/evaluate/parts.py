"""Results by clips and by cuts of clips: how much of the audio an item needs.

All figures are over all tasks, paired item by item with the whole audio where that was asked.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.evaluate.figures import Sheet, mean
from harken.stats.paired import ALL

Floats = npt.NDArray[np.float64]
Json = dict[str, Any]

_FRAGMENT = re.compile(r"fragment-([1-9]\d*)of([1-9]\d*)")
_CLIP = re.compile(r"clip-([1-9]\d*)")


def by_clips(sheet: Sheet) -> dict[str, list[Json]]:
    """Condition -> accuracy with intervals for each number of clips that items have (``clips``)."""
    n_clips = sheet.table.n_clips
    found: dict[str, list[Json]] = {name: [] for name in sheet.table.conditions}
    for clips in np.unique(n_clips).tolist():
        which = np.flatnonzero(n_clips == clips)
        for at, name in enumerate(sheet.table.conditions):
            scores = sheet.mine[which, at]
            if not np.isnan(scores).all():
                cell = {"clips": int(clips)}
                found[name].append(sheet.share(cell, scores, which, _block(sheet, clips)))
    return found


def fragments(sheet: Sheet) -> list[Json]:
    """Accuracy with only the K-th of N equal cuts of every clip (arXiv 2604.24401), an entry per N.

    ``positions`` has each cut's own accuracy over the answered keys. The rest is over the keys that
    all N cuts and the whole audio answered, averaged over an item's keys, with ``n`` items:

    * ``whole``: accuracy of the whole audio, ``mean``: of a cut, over all N;
    * ``retained``: mean / whole, the share of the score that a cut retains (None if whole is 0);
    * ``any``: share of items right with at least one cut;
    * ``needs_whole``: share right with the whole audio and with no cut.
    """
    columns: dict[int, dict[int, int]] = {}
    for at, name in enumerate(sheet.table.conditions):
        match = _FRAGMENT.fullmatch(name)
        if match:
            columns.setdefault(int(match.group(2)), {})[int(match.group(1))] = at
    return [_fragment(sheet, cuts, own) for cuts, own in sorted(columns.items())]


def _fragment(sheet: Sheet, cuts: int, columns: dict[int, int]) -> Json:
    block = f"fragments of {cuts}"
    found: Json = {
        "of": cuts,
        "positions": [
            sheet.share({"position": k}, sheet.mine[:, columns[k]], None, block)
            for k in sorted(columns)
        ],
    }
    empty = dict.fromkeys(("whole", "mean", "retained", "any", "needs_whole"))
    audio = sheet.table.column("audio")
    if audio < 0 or len(columns) < cuts:
        return {**found, "n": 0, **empty}
    scores = sheet.right[:, [columns[k] for k in sorted(columns)]]
    whole = sheet.right[:, audio]
    both = ~np.isnan(scores).any(axis=1) & ~np.isnan(whole)
    hit = np.where(both, (scores == 1).any(axis=1), np.nan)
    parts = {
        "whole": np.where(both, whole, np.nan),
        "mean": np.where(both, scores.mean(axis=1), np.nan),
        "any": hit,
        "needs_whole": np.where(both, (whole == 1) & (hit == 0), np.nan),
    }
    items = {name: sheet.table.by_item(values) for name, values in parts.items()}
    numbers = {name: mean(values) for name, values in items.items()}
    retained = (
        numbers["mean"] / numbers["whole"]
        if numbers["whole"] and numbers["mean"] is not None
        else None
    )
    found |= {"n": int((~np.isnan(items["whole"])).sum()), **numbers, "retained": retained}
    for name in ("any", "needs_whole"):
        sheet.resampling.want(items[name], found, (f"{name}_low", f"{name}_high", ""), None, block)
    return found


def per_clip(sheet: Sheet) -> list[Json]:
    """Accuracy with only clip k audible (conditions ``clip-k``), by k and number of clips.

    ``drop`` is the whole audio minus that, paired: a clip with a small drop is nearly enough alone.
    """
    found: list[Json] = []
    n_clips, audio = sheet.table.n_clips, sheet.table.column("audio")
    for at, name in enumerate(sheet.table.conditions):
        match = _CLIP.fullmatch(name)
        if not match:
            continue
        for clips in np.unique(n_clips[~np.isnan(sheet.mine[:, at])]).tolist():
            which = np.flatnonzero(n_clips == clips)
            block = _block(sheet, clips)
            cell: Json = {"clips": int(clips), "clip": int(match.group(1)), "drop": None}
            sheet.share(cell, sheet.mine[which, at], which, block)
            if audio >= 0:
                cell["drop"] = sheet.gap(sheet.between("audio", name)[which], which, block)
            found.append(cell)
    return sorted(found, key=lambda row: (row["clips"], row["clip"]))


def _block(sheet: Sheet, clips: int) -> str:
    """Where all items have this many clips, the figures are those over all tasks."""
    return ALL if bool((sheet.table.n_clips == clips).all()) else f"{clips} clips"
