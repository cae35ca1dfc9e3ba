"""Shares and gaps with their intervals: the two kinds of number in every table.

A share is a mean of scores over items, with Wilson's interval (items independent) and a bootstrap
by recording (`cluster_low`, `cluster_high`; use the wider one where items share recordings).
A gap is a mean of paired differences over items, with its interval and p by recording, and beside
them the p by item and the bootstrap's (`harken.stats.paired`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.stats import measures as stats
from harken.stats.bootstrap import Resampling
from harken.stats.paired import gap
from harken.stats.table import Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class Sheet:
    """A table with its scores, and the resampling that all its intervals come from.

    Attributes:
        table: the records, K keys of N items under C conditions.
        resampling: collects every interval; `tabulate` runs it once at the end.
        right: (K, C) 1 right, 0 not, NaN not answered.
        mine: (N, C) the same, mean over an item's keys.
        bits: (K, C) log2 p(gold).
        sizes: (N,) number of options.
        longest: (N,) score of always choosing the longest option, ties sharing the point; NaN for
            open questions.
    """

    table: Table
    resampling: Resampling
    right: Floats = field(init=False)
    mine: Floats = field(init=False)
    bits: Floats = field(init=False)
    sizes: Ints = field(init=False)
    longest: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Compute the scores."""
        own = self.table
        self.right, self.bits = own.right, own.bits
        self.mine = own.by_item(self.right)
        self.sizes = np.array([len(names) for names in own.options], dtype=np.int64)
        longest = map(_longest, own.options, own.gold.tolist())
        self.longest = np.array(list(longest), dtype=np.float64)

    def share(self, into: Json, values: Floats, units: Ints | None = None, block: str = "") -> Json:
        """``items``, ``accuracy`` and both intervals of the mean of `values`, NaN left out.

        Args:
            into: receives them (the interval by recording when the resampling runs, so a copy of
                this dict would lack it), and is returned.
            values: one per item, 0..1.
            units: which items, if not all.
            block: see `harken.stats.bootstrap.Resampling.want`.
        """
        known = values[~np.isnan(values)]
        low, high = stats.wilson(float(known.sum()), known.size) if known.size else (None, None)
        into |= {"items": known.size, "accuracy": mean(known), "low": low, "high": high}
        self.resampling.want(values, into, ("cluster_low", "cluster_high", ""), units, block)
        return into

    def gap(self, values: Floats, units: Ints | None = None, block: str = "") -> Json:
        """The numbers of `harken.stats.paired.Paired` for paired gaps."""
        return gap(self.resampling, values, units, block)

    def between(self, condition: str, other: str) -> Floats:
        """(N,) score under `condition` minus score under `other`, over the keys that both answered.

        NaN where nothing is paired; both must have been asked.
        """
        a, b = self.table.column(condition), self.table.column(other)
        return self.table.by_item(self.right[:, a] - self.right[:, b])


def mean(values: Floats) -> float | None:
    """Mean without NaN; None without values."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _longest(options: tuple[str, ...], gold: int) -> float:
    if gold < 0:
        return np.nan
    lengths = [len(text) for text in options]
    most = max(lengths)
    return (lengths[gold] == most) / lengths.count(most)
