"""From records to numbers: a pure function, so a rescored run never calls the model again.

For each task and for all together: accuracy under each condition with its 95 % intervals (Wilson,
and bootstrap by recording), the gain of audio over every other condition (paired; exact tests by
recording and by item and bootstrap, corrected over tasks by Holm's rule), bits per question,
consistency over rotations, position bias, calibration, outcome counts, and baselines without audio:
chance, always the first choice, the longest choice. Results by clips, cuts of clips and rotations
are in `harken.evaluate.parts` and `harken.evaluate.rotations`, word error rates of transcripts in
`harken.evaluate.transcripts`.

Conventions: accuracy = right answers / answered requests. Abstained and unparsable answers are
answered and not right; failed requests (no reply) are outside the denominator and counted, and
so are answers to items whose true answer is withheld (hidden). Under ``rates``, abstained and
unparsable are shares of the answered requests, failed of all. With several rotations an item still
counts once (its share of right answers), and intervals are over items. All figures over all
tasks are micro (each item weighs the same); ``macro`` is the mean over tasks. None means
that there are no values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.evaluate.figures import Sheet, mean
from harken.evaluate.parts import by_clips, fragments, per_clip
from harken.evaluate.rotations import Agreement, agreements, positions, self_consistency
from harken.evaluate.transcripts import MEETING, word_errors
from harken.stats import measures as stats
from harken.stats.bootstrap import DRAWS, Resampling
from harken.stats.paired import ALL, holm
from harken.stats.table import OUTCOMES, table

SCHEMA = 1

Record = Mapping[str, Any]
Json = dict[str, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def cut_replies(records: Sequence[Record]) -> Json:
    """Replies that were cut because their room was used up; a cut reply is an answer like others.

    Returns:
        ``replies``: how many; ``unparsable``: of these, how many are unparsable, and so count as
        answered and not right; ``by``: condition -> how many.
    """
    cut = [record for record in records if record["stop"] == "length"]
    return {
        "replies": len(cut),
        "unparsable": sum(record["outcome"] == "unparsable" for record in cut),
        "by": dict(sorted(Counter(record["condition"] for record in cut).items())),
    }


def tabulate(records: Sequence[Record], seed: int = 0, draws: int = DRAWS) -> Json:
    """The whole of ``results.json`` from the records of one evaluation.

    Args:
        records: records as in ``records.jsonl``, in any order.
        seed: of the bootstrap.
        draws: bootstrap samples, the same ones for every interval.
    """
    own = table(records)
    sheet = Sheet(own, Resampling(own.member, seed, draws))
    agreed = agreements(sheet)
    names = np.array(own.tasks, dtype=object)
    tasks = [
        _row(_Part(sheet, agreed, np.flatnonzero(names == task), task))
        for task in sorted(set(own.tasks))
    ]
    overall = _row(_Part(sheet, agreed, np.arange(len(own.items)), ALL))
    found = {
        "schema": SCHEMA,
        "items": len(own.items),
        "records": len(records),
        "rotations": len(np.unique(own.rotation)),
        "clip_rotations": len(np.unique(own.clip_rotation)),
        "draws": draws,
        "conditions": own.conditions,
        "overall": overall,
        "macro": {
            c: _macro([row["cells"][c]["accuracy"] for row in tasks]) for c in own.conditions
        },
        "tasks": tasks,
        "by_clips": by_clips(sheet),
        "fragments": fragments(sheet),
        "per_clip": per_clip(sheet),
        "self_consistency": self_consistency(sheet),
    }
    unit = {name: place for place, name in enumerate(own.items)}
    if written := word_errors(records, unit, sheet.resampling):
        found["transcripts"] = written
    if written := word_errors(records, unit, sheet.resampling, MEETING):
        found["meetings"] = written
    sheet.resampling.run()
    for other, whole in overall["gains"].items():
        for p in ("p", "p_items", "p_bootstrap"):
            whole[f"{p}_holm"] = whole[p]  # one test, not one of several
            holm([row["gains"][other] for row in tasks], p)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The items of one task, or all of them."""

    sheet: Sheet
    agreed: Mapping[str, Agreement]
    items: Ints  # (n,)
    name: str

    @property
    def keys(self) -> Ints:
        """The keys of these items."""
        inside = np.zeros(len(self.sheet.table.items), dtype=bool)
        inside[self.items] = True
        return np.flatnonzero(inside[self.sheet.table.key_item])


def _row(part: _Part) -> Json:
    """One task under all conditions."""
    own, keys = part.sheet.table, part.keys
    options = part.sheet.sizes[part.items]
    return {
        "task": part.name,
        "items": len(part.items),
        "chance": mean(1 / options[options > 0]),
        "floors": _floors(part, keys),
        "cells": {name: _cell(part, keys, at) for at, name in enumerate(own.conditions)},
        "gains": {
            name: _gain(part, name)
            for name in own.conditions
            if name != "audio" and "audio" in own.conditions
        },
    }


def _gain(part: _Part, other: str) -> Json:
    """Audio minus another condition, paired by key, over the items of a part."""
    sheet, own = part.sheet, part.sheet.table
    gaps = sheet.between("audio", other)[part.items]
    found = sheet.gap(gaps, part.items, part.name)
    for name, which in (("better", gaps > 0), ("worse", gaps < 0)):
        found[name] = [own.items[i] for i in part.items[which].tolist()]
    gains = sheet.bits[:, own.column("audio")] - sheet.bits[:, own.column(other)]
    bits = own.by_item(gains)[part.items]
    found["bits"] = {"items": int((~np.isnan(bits)).sum()), "mean": mean(bits)}
    sheet.resampling.want(bits, found["bits"], ("low", "high", ""), part.items, part.name)
    return found


def _cell(part: _Part, keys: Ints, at: int) -> Json:
    """One task under one condition."""
    sheet, own = part.sheet, part.sheet.table
    counts = np.bincount(own.outcome[keys, at] + 1, minlength=len(OUTCOMES) + 1)[1:]
    outcomes = dict(zip(OUTCOMES, counts.tolist(), strict=True))
    if not outcomes["hidden"]:
        del outcomes["hidden"]  # only where answers are withheld
    asked = int(counts.sum())
    answered = asked - outcomes["failed"]
    bits = own.by_item(sheet.bits[:, at : at + 1])[part.items, 0]
    cell: Json = {
        "asked": asked,
        "answered": answered,
        "outcomes": outcomes,
        "rates": {
            "abstained": outcomes["abstained"] / answered if answered else None,
            "unparsable": outcomes["unparsable"] / answered if answered else None,
            "failed": outcomes["failed"] / asked if asked else None,
        },
    }
    sheet.share(cell, sheet.mine[part.items, at], part.items, part.name)
    cell |= {
        "gold_bits": mean(bits),
        **positions(sheet, keys, at),
        "consistency": {name: a.of(part.items, at) for name, a in part.agreed.items()},
        "calibration": _calibration(part, keys, at),
    }
    return cell


def _calibration(part: _Part, keys: Ints, at: int) -> Json | None:
    """Whether the probability of the chosen option is its accuracy; None without probabilities.

    The unit is the answered request, each rotation separately, since confidence belongs to a single
    answer.
    """
    own, right = part.sheet.table, part.sheet.right[keys, at]
    chances, gold = own.chances[keys, at], own.gold[own.key_item[keys]]
    known = ~np.isnan(right) & (gold >= 0)
    known &= ~np.isnan(chances[:, 0]) if chances.shape[1] else False
    if not known.any():
        return None
    chances, right, gold = np.nan_to_num(chances[known]), right[known], gold[known]
    sure = chances.max(axis=1)
    area, curve = stats.coverage_curve(sure, right)
    return {
        "n": len(right),
        "ece": stats.ece(sure, right),
        "ece_mass": stats.ece(sure, right, mass=True),
        "brier": stats.brier(chances, gold),
        "confidence": float(sure.mean()),
        "accuracy": float(right.mean()),
        "bins": [list(one) for one in stats.reliability(sure, right)],
        "area": area,
        "curve": [list(one) for one in curve],
    }


def _floors(part: _Part, keys: Ints) -> dict[str, float | None]:
    """Scores without audio: always the first shown option, always the longest one.

    Options of equal length share the point.
    """
    own, sheet = part.sheet.table, part.sheet
    keys = keys[own.gold_shown[keys] >= 0]
    return {
        "first": mean((own.gold_shown[keys] == 0).astype(np.float64)),
        "longest": mean(sheet.longest[own.key_item[keys]]),
    }


def _macro(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
