"""Before a run: the smallest difference that a given number of items can show.

Both functions compute the exact power of the exact test that is made afterwards, and find the
smallest effect that reaches it by bisection: power grows with the effect.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt


def detectable(
    n: int, discordant: float = 0.5, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest paired difference that the exact McNemar test finds in `n` items.

    Assumed: items are independent, and each is scored differently on the two sides with probability
    `discordant` = P(better) + P(worse), whatever the difference δ = P(better) − P(worse). So the
    number of flips is m ~ Bin(n, discordant), of which b ~ Bin(m, q) are better, q = (1 + δ /
    discordant) / 2, and the power is P(p(b, m − b) <= alpha) with p the two-sided exact test
    (`harken.stats.measures.mcnemar_exact`), summed over all m and b: no normal approximation. Items
    that share recordings are not independent: use the number of recordings to be safe.

    Args:
        n: items answered by both sides.
        discordant: share of items that the two sides score differently; with fewer flips smaller
            differences show. 0.5: two independent guesses at 50 % accuracy.
        power: probability of finding it.
        alpha: level of the two-sided test.

    Returns:
        A difference of shares, at most `discordant`; None if not even that is found.
    """
    from scipy.special import bdtr, gammaln

    m = np.arange(n + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        flips = np.exp(
            gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
            + m * np.log(discordant) + (n - m) * np.log1p(-discordant)
        )  # fmt: skip
    if discordant >= 1:
        flips = (m == n).astype(np.float64)
    m, flips = m[flips > 1e-12], flips[flips > 1e-12]
    edge = np.array([_edge(int(size), alpha) for size in m])

    def found(difference: float) -> float:
        q = (1 + difference / discordant) / 2
        # Better flips few enough, or many enough; edge -1: no outcome of so few flips is enough.
        low = np.where(edge >= 0, bdtr(edge, m, q), 0.0)
        high = np.where(edge >= 0, bdtr(edge, m, 1 - q), 0.0)
        return float((flips * (low + high)).sum())

    return _smallest(found, 0.0, discordant, power)


def detectable_above(
    n: int, chance: float, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest accuracy that an exact one-sided binomial test of `n` items finds above chance.

    The test says "above chance" from c right answers on, the fewest with P(Bin(n, chance) >= c) <=
    alpha; an accuracy is detectable if P(Bin(n, accuracy) >= c) >= power. Items are independent.

    Returns:
        An accuracy in chance..1; None if not even 1 is found.
    """
    from scipy.special import bdtrc

    counts = np.arange(1, n + 1)
    enough = counts[bdtrc(counts - 1, n, chance) <= alpha]
    if not enough.size:
        return None
    least = int(enough[0])
    return _smallest(lambda accuracy: float(bdtrc(least - 1, n, accuracy)), chance, 1.0, power)


def _edge(flips: int, alpha: float) -> int:
    """The most flips on the rarer side with a two-sided p of at most `alpha`; -1 if none."""
    from scipy.special import bdtr

    if flips == 0:
        return -1
    # A binomial quantile to start from, then step by step: p is 2 · P(Bin(flips, 1/2) <= edge).
    counts: npt.NDArray[np.int64] = np.arange(flips // 2 + 1)
    start = max(0, int(flips / 2 - 4 * np.sqrt(flips)))
    near = counts[start:]
    held = near[2 * bdtr(near, flips, 0.5) <= alpha]
    return int(held[-1]) if held.size else -1


def _smallest(
    found: Callable[[float], float], low: float, high: float, power: float
) -> float | None:
    """Bisection for the smallest effect whose power is reached, to 1e-6 of the range."""
    if found(high) < power:
        return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high
