"""Intervals of means by resampling whole recordings, for a whole table of results at once.

Answers to questions about the same recording are correlated, so recordings (clusters), not
questions, are drawn with replacement (Efron 1979; clusters: Davison and Hinkley 1997, §3.8). A draw
is a vector of weights, one per cluster, and one set of draws serves every figure of a run: all
conditions and all tasks see the same resampled recordings. That pairs them, and makes each figure
a matrix product, so a whole table costs little more than a single interval.

Sums go into the product as whole numbers of a small unit, where float64 adds without rounding:
every interval is the same to the last bit whatever else is computed with it, in whatever
order, with whatever BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.threads import one_blas_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DRAWS = 2000
"""Bootstrap samples: each end of a 95 % interval is the 50th draw, and no p is below 0.001."""
LEVEL = 0.95
_BLOCK = 500_000  # weights drawn at once: 4 MB, which fits the CPU cache


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One requested mean whose interval is to be written into `into`."""

    sums: Floats  # (clusters,) whole numbers of `unit`
    sizes: Floats  # (clusters,) how many values
    unit: float
    into: dict[str, Any]
    low: str
    high: str
    p: str


class Resampling:
    """Collects means of one table, then draws once for all of them."""

    def __init__(
        self, member: Sequence[int] | Ints, seed: int = 0, draws: int = DRAWS, level: float = LEVEL
    ) -> None:
        """Set up the draws.

        Args:
            member: the cluster of each unit (item), numbered from 0.
            seed: same seed, same clusters, same draws.
            draws: bootstrap samples.
            level: coverage of the intervals.
        """
        self.member = np.asarray(member, dtype=np.int64)
        self.clusters = int(self.member.max()) + 1 if self.member.size else 0
        self.seed, self.draws, self.level = seed, draws, level
        self._wanted: dict[Hashable, list[_Wanted]] = {}

    def want(
        self,
        values: Floats,
        into: dict[str, Any],
        names: tuple[str, str, str] = ("low", "high", ""),
        units: Ints | None = None,
        block: Hashable = "",
    ) -> None:
        """Request the interval of the mean of `values`; `run` writes it into a dict.

        Args:
            values: one per unit, NaN where a unit has none.
            into: receives percentile interval and two-sided bootstrap p of mean = 0; None where
                fewer than two clusters have a value: draws of one cluster are all the same.
            names: the keys of low, high and p; no p is written under an empty name.
            units: which units the values are of, if not of all in order.
            block: a name for means over nearly the same units, which are computed together. It
                affects speed only.
        """
        known = ~np.isnan(values)
        low, high, p = names
        into |= dict.fromkeys([low, high, *([p] if p else [])])
        if not known.any():
            return
        own = (self.member if units is None else self.member[units])[known]
        if (own == own[0]).all():
            return
        sums = np.bincount(own, weights=values[known], minlength=self.clusters)
        sizes = np.bincount(own, minlength=self.clusters).astype(np.float64)
        # No draw can hold more than `clusters` times the largest cluster: below 2^53 units in all.
        most = float(np.abs(sums).max()) * self.clusters
        unit = 2.0 ** (math.ceil(math.log2(most)) - 52) if most else 1.0
        whole = np.rint(sums / unit)
        wanted = _Wanted(whole, sizes, unit, into, low, high, p)
        self._wanted.setdefault(block, []).append(wanted)

    def run(self) -> None:
        """Draw, and fill in every interval requested since the last `run`."""
        blocks = list(self._wanted.values())
        self._wanted = {}
        if not blocks:
            return
        made = [_distinct(own) for own in blocks]
        # Only the clusters that a block has are multiplied, so a task costs no more than its items.
        support = [_support(table) for table, _ in made]
        columns = [table[own] for (table, _), own in zip(made, support, strict=True)]
        totals = [np.empty((self.draws, table.shape[1])) for table in columns]
        at = 0
        with one_blas_thread():
            for weights in self._weights():
                here = slice(at, at + len(weights))
                for table, own, total in zip(columns, support, totals, strict=True):
                    np.matmul(weights[:, own], table, out=total[here])
                at += len(weights)
        for wanted, (_, place), total in zip(blocks, made, totals, strict=True):
            for one, (sums, sizes) in zip(wanted, place, strict=True):
                self._fill(one, total[:, sums], total[:, sizes])

    def _weights(self) -> Iterator[Floats]:
        """(draws, clusters) how often each cluster is drawn, some draws at a time."""
        rng = np.random.default_rng([self.seed, self.clusters])
        step = max(1, _BLOCK // self.clusters)
        for start in range(0, self.draws, step):
            count = min(step, self.draws - start)
            picked = rng.integers(0, self.clusters, size=(count, self.clusters))
            picked += (np.arange(count) * self.clusters)[:, None]
            times = np.bincount(picked.ravel(), minlength=count * self.clusters)
            yield times.reshape(count, self.clusters).astype(np.float64)

    def _fill(self, one: _Wanted, sums: Floats, sizes: Floats) -> None:
        there = sizes > 0
        means = sums[there] * one.unit / sizes[there]
        if not means.size:
            return
        edge = (1 - self.level) / 2
        low, high = np.quantile(means, [edge, 1 - edge])
        one.into[one.low], one.into[one.high] = float(low), float(high)
        if one.p:
            one.into[one.p] = two_sided(means, int((one.sizes > 0).sum()))


def _distinct(wanted: Sequence[_Wanted]) -> tuple[Floats, list[tuple[int, int]]]:
    """The different columns of a block, and where each mean has its sums and sizes.

    Where nothing failed, all conditions have the same sizes: nearly half of the columns.
    """
    found: dict[bytes, int] = {}
    columns: list[Floats] = []
    places = []
    for one in wanted:
        place = []
        for column in (one.sums, one.sizes):
            at = found.setdefault(column.tobytes(), len(columns))
            if at == len(columns):
                columns.append(column)
            place.append(at)
        places.append((place[0], place[1]))
    return np.stack(columns, axis=1), places


def _support(table: Floats) -> Ints | slice:
    """The rows that are not zero; as a slice (no copy) where they are close together."""
    rows = np.flatnonzero(np.any(table != 0, axis=1))
    first, last = int(rows[0]), int(rows[-1]) + 1
    return slice(first, last) if last - first < 2 * len(rows) else rows


def two_sided(means: Floats, clusters: int) -> float:
    """The level at which the percentile interval of `means` just reaches 0, one draw added.

    p = 2 (k + 1) / (draws + 1) for k draws on the rarer side of 0 (0 itself is on both); at most 1
    (Davison and Hinkley 1997, §4.2: the draw that is added is the sample itself). Never below
    2^(1 - clusters), the least p of the exact test that flips signs of so many clusters: where all
    of a few clusters have one sign, so has every draw, however many draws there are.
    """
    rarer = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return min(1.0, max(2 * (rarer + 1) / (len(means) + 1), 2.0 ** (1 - clusters)))


def numbered(names: Sequence[Hashable]) -> Ints:
    """Names as numbers from 0, sorted by their text: the order of the rows does not matter."""
    place = {name: i for i, name in enumerate(sorted(set(names), key=repr))}
    return np.array([place[name] for name in names], dtype=np.int64)
