"""The statistics of answers: intervals, paired tests, clusters, position bias, bits.

All functions are pure; what is random takes a seed. scipy is imported where it is used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

_FEWEST_CLUSTERS = 20  # below this, resampling whole clusters says little


def wilson(right: float, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a share (Wilson 1927); (0, 1) where nothing was asked.

    `right` may be a fraction, as when items are averaged over rotations.
    """
    if total <= 0:
        return 0.0, 1.0
    share, square = right / total, z * z / total
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    low = 0.0 if right <= 0 else max(0.0, centre - half)
    return low, 1.0 if right >= total else min(1.0, centre + half)


def mcnemar_exact(better: int, worse: int) -> float:
    """Two-sided exact McNemar p-value: is ``better`` of ``better + worse`` flips a fair coin?

    Ties do not enter. p = min(1, 2 · P(Bin(b + w, 1/2) <= min(b, w))); 1 where nothing flipped.
    """
    from scipy.stats import binom

    flips = better + worse
    if flips == 0:
        return 1.0
    return min(1.0, 2.0 * float(binom.cdf(min(better, worse), flips, 0.5)))


def binomial_tail(hits: int, tries: int, chance: float) -> float:
    """P(Bin(tries, chance) >= hits)."""
    from scipy.stats import binom

    return float(binom.sf(hits - 1, tries, chance))


def paired_bootstrap(
    a: Sequence[float] | npt.NDArray[np.float64],
    b: Sequence[float] | npt.NDArray[np.float64],
    groups: Sequence[Hashable],
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of mean(a − b), resampling whole groups with replacement.

    Args:
        a: values, one a unit.
        b: their partners, in the same order.
        groups: the cluster of each unit (see `clusters`); units of one cluster come and go
            together, since their answers hang on the same recording.
        seed: same seed, same interval.
        draws: bootstrap samples.
        level: coverage.

    Returns:
        (low, high); (nan, nan) without units.
    """
    gaps = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if gaps.size == 0:
        return math.nan, math.nan
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[name] for name in groups])
    sums = np.bincount(member, weights=gaps, minlength=len(names))
    sizes = np.bincount(member, minlength=len(names)).astype(np.float64)
    rng = np.random.default_rng([seed, len(names), gaps.size])
    means: list[npt.NDArray[np.float64]] = []
    step = max(1, 4_000_000 // len(names))  # memory: at most about 32 MB of counts at a time
    for start in range(0, draws, step):
        count = min(step, draws - start)
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), count)
        means.append((times @ sums) / (times @ sizes))
    edge = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [edge, 1 - edge])
    return float(low), float(high)


def clusters(recordings: Sequence[Sequence[str]]) -> list[str]:
    """One cluster name a unit, from the recordings each unit holds.

    Units that share a recording, directly or through others, form one cluster. Where questions
    about several clips tie nearly everything together (fewer than 20 clusters, or one with over
    half of the units), each unit is put with its most shared recording instead: an approximation,
    without which there would be nothing left to resample. Units without recordings stand alone.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for own in recordings:
        for name in own:
            first, other = sorted((root(own[0]), root(name)))
            parent[other] = first
    joined = [root(own[0]) if own else f"unit {i}" for i, own in enumerate(recordings)]
    sizes = Counter(joined)
    most = max(sizes.values(), default=0)
    if len(sizes) >= _FEWEST_CLUSTERS and most <= len(joined) / 2:
        return joined
    used = Counter(name for own in recordings for name in set(own))
    return [
        min(own, key=lambda name: (-used[name], name)) if own else f"unit {i}"
        for i, own in enumerate(recordings)
    ]


def position_bias(chosen: Sequence[int], gold: Sequence[int]) -> float:
    """p-value (chi², n − 1 degrees) of the picks by shown position against no position bias.

    A model without bias that is right in a share w of its picks spreads them like
    w · gold + (1 − w) · uniform. The w that fits best is granted, so an uneven key is not blamed on
    the model; with an even key every w is the same and this is the plain goodness-of-fit test.
    """
    from scipy.stats import chi2

    picks, key = np.asarray(chosen, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    total = picks.sum()
    if total == 0 or picks.size < 2:
        return 1.0
    w = np.linspace(0.0, 1.0, 201)[:, None]
    own = key / key.sum() if key.sum() else np.full(picks.size, 1 / picks.size)
    expected = total * (w * own + (1 - w) / picks.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(expected > 0, (picks - expected) ** 2 / expected, picks * np.inf)
    terms = np.where((expected == 0) & (picks == 0), 0.0, terms)
    return float(chi2.sf(terms.sum(axis=1).min(), picks.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of several p-values (Holm 1979), in the order given."""
    count, largest = len(p_values), 0.0
    adjusted = [0.0] * count
    for rank, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def bits(nats: float) -> float:
    """Nats (natural log) to bits (log2)."""
    return nats / math.log(2)


def calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Guo et al., arXiv 1706.04599)."""
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if sure.size == 0:
        return math.nan
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=hit - sure, minlength=bins)
    return float(np.abs(gaps).sum() / sure.size)
