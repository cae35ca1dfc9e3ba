"""Which clip matters: Shapley shares and the two-clip interaction, in bits.

The game: v(S) = log2 p(gold) when exactly the clips in S are audible and all others are silenced. A
clip's share is its mean marginal contribution over all orders in which clips could be added
(Shapley 1953); the shares sum to v(all) − v(none).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, permutations
from math import factorial

import numpy as np

Subset = frozenset[int]
"""Positions (from 0) of the audible clips."""

EXACT = 4
"""Up to this many clips all subsets are asked (2^k); beyond it, sampled orders."""

_ORDERS = 6  # sampled orders for more clips; each is used forwards and backwards


def orders(size: int, seed: int = 0) -> list[tuple[int, ...]]:
    """The orders in which clips are added: all of them up to `EXACT` clips, else a seeded sample.

    A sampled order comes with its reverse, which removes most of the noise from a clip's
    position in the order; the shares still sum to v(all) − v(none).
    """
    if size <= EXACT:
        return list(permutations(range(size)))
    rng = np.random.default_rng([seed, size])
    drawn = [tuple(int(i) for i in rng.permutation(size)) for _ in range(_ORDERS)]
    return [order for forward in drawn for order in (forward, forward[::-1])]


def subsets(size: int, seed: int = 0) -> list[Subset]:
    """Every subset whose value `shapley` needs, smallest first, empty and full ones included."""
    if size <= EXACT:
        return [frozenset(s) for n in range(size + 1) for s in combinations(range(size), n)]
    needed = {frozenset(order[:n]) for order in orders(size, seed) for n in range(size + 1)}
    return sorted(needed, key=lambda subset: (len(subset), sorted(subset)))


def shapley(values: Mapping[Subset, float], size: int, seed: int = 0) -> tuple[float, ...]:
    """Each clip's share, in clip order.

    With all 2^k values this is the exact sum: sum over S without i of
    |S|! (k − |S| − 1)! / k! · (v(S + i) − v(S)); otherwise the mean over the sampled `orders`.
    Raises KeyError for a value that is missing.
    """
    shares = [0.0] * size
    if size <= EXACT:
        for subset in subsets(size):
            for clip in (one for one in range(size) if one not in subset):
                before = len(subset)
                weight = factorial(before) * factorial(size - before - 1) / factorial(size)
                shares[clip] += weight * (values[subset | {clip}] - values[subset])
        return tuple(shares)
    drawn = orders(size, seed)
    for order in drawn:
        for n, clip in enumerate(order):
            gain = values[frozenset(order[: n + 1])] - values[frozenset(order[:n])]
            shares[clip] += gain / len(drawn)
    return tuple(shares)


def interaction(values: Mapping[Subset, float]) -> float:
    """For two clips: v(12) − v(1) − v(2) + v(none).

    Positive where the clips are worth more together than apart (a comparison), negative where one
    can stand in for the other.
    """
    both, none = frozenset({0, 1}), frozenset[int]()
    return values[both] - values[frozenset({0})] - values[frozenset({1})] + values[none]
