"""Results over rotations: consistency of answers, position bias, and majority votes.

A series is one item asked several times, with only one thing rotated: its options (at one order of
the clips), or its clips (at one order of the options). A model that does not depend on position
gives the same answer all along a series (consistency rate, arXiv 2510.04584).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.evaluate.figures import Sheet, mean
from harken.stats import measures as stats
from harken.stats.table import Table, means

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Json = dict[str, Any]

ROTATED = ("options", "clips")
"""What is rotated along a series."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How far the answers to each item agree along its series; NaN for items without one.

    Attributes:
        same: (N, C) share of series with the same option in every answer.
        pairs: (N, C) share of pairs of answers with the same option.
    """

    same: Floats
    pairs: Floats

    def of(self, items: Ints, condition: int) -> Json:
        """Means over some items under one condition: ``same``, ``agreement``, and ``n`` items."""
        same = self.same[items, condition]
        return {
            "same": mean(same),
            "agreement": mean(self.pairs[items, condition]),
            "n": int((~np.isnan(same)).sum()),
        }


def agreements(sheet: Sheet) -> dict[str, Agreement]:
    """`Agreement` for each of `ROTATED`.

    An answer that names no option (abstained, unparsable) agrees with nothing, not even with
    another such. Failed requests are left out; a series with fewer than two answers does not count.
    """
    return {name: _agreement(sheet, series(sheet.table, name)) for name in ROTATED}


def series(own: Table, rotated: str) -> Ints:
    """(K,) the number of the series that each key is in: equal but for what is rotated."""
    fixed = {
        "options": own.clip_rotation,
        "clips": own.rotation,
        "both": np.zeros_like(own.rotation),
    }[rotated]
    code = (own.key_item * (int(fixed.max(initial=0)) + 1) + fixed) * (
        int(own.again.max(initial=0)) + 1
    ) + own.again
    number: Ints = np.unique(code, return_inverse=True)[1]
    return number


def _agreement(sheet: Sheet, line: Ints) -> Agreement:
    own = sheet.table
    size, wide = int(line.max(initial=-1)) + 1, len(own.conditions)
    key, condition = np.nonzero(~np.isnan(sheet.right))
    cell = line[key] * wide + condition
    answers = np.bincount(cell, minlength=size * wide)
    picks = own.pick[key, condition]
    named = picks >= 0
    most = int(picks.max(initial=0)) + 1
    votes, counts = np.unique(cell[named] * most + picks[named], return_counts=True)
    together = np.bincount(votes // most, counts * (counts - 1) / 2, minlength=size * wide)
    all_pairs = answers * (answers - 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = np.where(answers > 1, together / all_pairs, np.nan)
    same = np.where(answers > 1, (together == all_pairs).astype(np.float64), np.nan)
    of_item = np.zeros(size, dtype=np.int64)
    of_item[line] = own.key_item
    count = len(own.items)
    return Agreement(
        means(same.reshape(size, wide), of_item, count),
        means(pairs.reshape(size, wide), of_item, count),
    )


def positions(sheet: Sheet, keys: Ints, condition: int) -> Json:
    """How often each shown position, and each shown clip, was chosen, with the p of no bias.

    ``position`` counts questions of the most common number of options: positions of a yes/no
    question and of a four-way one are not comparable. ``clip_position`` counts questions whose
    options are the clips, likewise, by the number under which the chosen clip was shown.
    """
    own = sheet.table
    asked = keys[own.outcome[keys, condition] >= 0]
    sizes = sheet.sizes[own.key_item[asked]]
    clips = own.gold_clip[asked] >= 0
    shown, numbers = own.shown[asked, condition], own.shown_clip[asked, condition]
    gold, gold_clip = own.gold_shown[asked], own.gold_clip[asked]
    return {
        "position": _position("options", sizes, shown, gold),
        "clip_position": _position(
            "clips", sizes[clips], np.maximum(numbers[clips], 0) - 1, gold_clip[clips] - 1
        ),
    }


def _position(what: str, sizes: Ints, chosen: Ints, gold: Ints) -> Json:
    """Counts by position for the most common size (the smallest of equally common ones)."""
    counts = np.bincount(sizes[sizes > 0], minlength=1)
    size = int(counts.argmax()) if counts.any() else 0
    used = (
        (sizes == size) & (chosen >= 0) & (gold >= 0) if size else np.zeros(len(sizes), dtype=bool)
    )
    picks = np.bincount(chosen[used], minlength=size).tolist()[:size]
    key = np.bincount(gold[used], minlength=size).tolist()[:size]
    p = stats.position_bias(picks, key) if sum(picks) else None
    return {what: size, "chosen": picks, "gold": key, "p": p}


def self_consistency(sheet: Sheet, condition: str = "audio") -> dict[str, Json]:
    """The vote of several passes against the single pass, by what is rotated.

    Audio-permutational self-consistency (MUGEN, arXiv 2603.09714): ask with the clips in each
    cyclic order, map the answers back to the item's own numbering, and take the majority.
    ``clips`` is that; ``options`` votes over the orders of the options; ``both`` over all passes,
    where both were rotated.

    The vote of a series is the option named most. A tie goes to the option with the larger sum of
    probabilities where all passes have them, and is wrong otherwise. Answers that name no option
    do not vote, failed passes are left out, and a series needs two answered passes.

    Returns:
        For each with at least one series: ``items``, mean ``passes`` per series, ``single`` (mean
        score of the single passes), the vote's accuracy with intervals, ``gain`` (vote minus
        single, paired by item; see `Sheet.gap`), how many series tied, how many stayed tied,
        and a note.
    """
    at = sheet.table.column(condition)
    found: dict[str, Json] = {}
    if at < 0:
        return found
    rotated = [name for name in ROTATED if _rotates(sheet.table, name)]
    for name in [*rotated, *(["both"] if len(rotated) > 1 else [])]:
        one = _vote(sheet, series(sheet.table, name), at)
        if one is not None:
            found[name] = one
    return found


def _rotates(own: Table, name: str) -> bool:
    rotations = own.rotation if name == "options" else own.clip_rotation
    return len(np.unique(rotations)) > 1


def _vote(sheet: Sheet, line: Ints, at: int) -> Json | None:
    own = sheet.table
    answered = np.flatnonzero(~np.isnan(sheet.right[:, at]))
    size, wide = int(line.max(initial=-1)) + 1, max(map(len, own.options), default=0)
    passes = np.bincount(line[answered], minlength=size)
    used = answered[(passes[line[answered]] > 1) & (own.gold[own.key_item[answered]] >= 0)]
    if not used.size:
        return None
    lines, where = np.unique(line[used], return_inverse=True)
    of_item = np.zeros(len(lines), dtype=np.int64)
    of_item[where] = own.key_item[used]
    votes = _summed(where, own.pick[used, at], len(lines), wide)
    sums = np.zeros((len(lines), wide))
    np.add.at(sums, where, own.chances[used, at])  # NaN where a pass has none
    sums = np.where(np.arange(wide) < sheet.sizes[of_item][:, None], sums, 0.0)
    top = votes == votes.max(axis=1, keepdims=True)
    top &= votes > 0
    tied = top.sum(axis=1) > 1
    weighed = np.where(top, sums, -1.0)
    known = ~np.isnan(sums).any(axis=1)
    winner = np.where(
        tied, np.where(known, _only(weighed), -1), np.where(top.any(1), top.argmax(1), -1)
    )
    items = len(own.items)
    vote = means((winner == own.gold[of_item]).astype(np.float64), of_item, items)
    single = means(sheet.right[used, at], own.key_item[used], items)
    open_ties = int((tied & (winner < 0)).sum())
    found: Json = {
        "series": len(lines),
        "passes": float(used.size / len(lines)),
        "single": mean(single),
        "gain": sheet.gap(vote - single),
        "tied": int(tied.sum()),
        "unresolved": open_ties,
        "note": f"{open_ties} ties without probabilities count as wrong" if open_ties else "",
    }
    return sheet.share(found, vote)


def _summed(where: Ints, picks: Ints, size: int, wide: int) -> Ints:
    """(size, wide) how many answers of each series name each option."""
    named = picks >= 0
    flat = np.bincount(where[named] * wide + picks[named], minlength=size * wide)
    return flat.reshape(size, wide)


def _only(values: Floats) -> Ints:
    """The column of each row's largest value; -1 where it is tied."""
    best = np.nanmax(values, axis=1, keepdims=True, initial=-1.0)
    return np.where((values == best).sum(axis=1) == 1, values.argmax(axis=1), -1)
