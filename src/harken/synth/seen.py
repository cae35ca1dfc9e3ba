"""Ids of items that are drawn already: eight bytes each, whole chunks asked and added at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint64]


class SeenIds:
    """A set of 64-bit numbers as a few sorted arrays, each at least twice as long as the next.

    It retires a set of Python integers, which took ten times the memory: the driver of a large
    dataset holds the ids of one family and split.
    """

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self._runs: list[Ids] = []

    def __len__(self) -> int:
        """How many numbers there are."""
        return sum(len(run) for run in self._runs)

    def __contains__(self, number: int) -> bool:
        """Whether a number is in it."""
        return bool(self.holds(np.array([number], np.uint64))[0])

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of some numbers are in it: (n,) -> (n,)."""
        found = np.zeros(len(ids), bool)
        for run in self._runs:
            places = np.searchsorted(run, ids)
            found |= run[np.minimum(places, len(run) - 1)] == ids
        return found

    def add(self, ids: Ids) -> None:
        """Add numbers, none of which is in it; each once."""
        if not len(ids):
            return
        self._runs.append(np.sort(ids))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")
