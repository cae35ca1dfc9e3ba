"""Which examples are in which batch: from one source, or from several with a share each.

The share is kept in every batch and not only on average: of any run of positions, a source has its
share to within one. Each source is gone through in permutations of its own, drawn by seed and
epoch, so a batch is a function of the counts, the shares, the seed and the step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np

_SLACK = 1e-9
"""For shares that are not exact in binary: 0.29 of 100 is 29."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Sources of examples, by their numbers of examples and shares.

    Attributes:
        counts: examples of each source, at least 1; they are numbered one source after the other.
        shares: of each source in a batch; together 1.
    """

    counts: tuple[int, ...]
    shares: tuple[float, ...] = (1.0,)

    def picks(self, size: int, seed: int, step: int) -> list[int]:
        """The numbers of the examples in batch `step` of `size`."""
        return [self._pick(at, seed) for at in range(step * size, (step + 1) * size)]

    def used(self, size: int, seed: int, steps: int) -> list[int]:
        """The numbers of the examples in any of `steps` batches, in order."""
        drawn = self._drawn(size * steps)
        if all(n >= count for n, count in zip(drawn, self.counts, strict=True)):
            return list(range(sum(self.counts)))
        return sorted({self._pick(at, seed) for at in range(size * steps)})

    def source(self, number: int) -> int:
        """The source of an example."""
        ends = np.cumsum(self.counts)
        return int(np.searchsorted(ends, number, side="right"))

    def _pick(self, position: int, seed: int) -> int:
        source, place = self._place(position)
        epoch, at = divmod(place, self.counts[source])
        order = _shuffled(self.counts[source], seed, epoch, source)
        return sum(self.counts[:source]) + int(order[at])

    def _place(self, position: int) -> tuple[int, int]:
        """The source at a position, and how many of that source are before it."""
        left = 1.0
        for source, share in enumerate(self.shares[:-1]):
            part = min(1.0, share / left) if left > _SLACK else 1.0
            before = math.floor(position * part + _SLACK)
            if math.floor((position + 1) * part + _SLACK) > before:
                return source, before
            position -= before
            left -= share
        return len(self.shares) - 1, position

    def _drawn(self, positions: int) -> list[int]:
        """How many of the first `positions` are of each source."""
        found, left = [], 1.0
        for share in self.shares[:-1]:
            part = min(1.0, share / left) if left > _SLACK else 1.0
            found.append(math.floor(positions * part + _SLACK))
            positions -= found[-1]
            left -= share
        return [*found, positions]


_orders: dict[tuple[int, int, int, int], np.ndarray] = {}


def _shuffled(count: int, seed: int, epoch: int, source: int) -> np.ndarray:
    key = (count, seed, epoch, source)
    if key not in _orders:
        while len(_orders) >= 8:
            _orders.pop(next(iter(_orders)))
        rng = np.random.default_rng([seed, crc32(b"order"), epoch, *([source] if source else [])])
        _orders[key] = rng.permutation(count)
    return _orders[key]
