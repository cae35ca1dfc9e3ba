"""The statistics of answers: intervals, paired tests, power, clusters, position bias, calibration.

All functions are pure; random ones take a seed. scipy is imported where it is used, and of it
only ``scipy.special``: ``scipy.stats`` takes half a second to import.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harken.stats.power import detectable as detectable
from harken.stats.power import detectable_above as detectable_above

Vector = Sequence[float] | npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

_MOST_UNITS = 1 << 17  # of a sign-flip distribution
_FEWEST_CLUSTERS = 20  # below this, resampling whole clusters is unreliable


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
    from scipy.special import bdtr

    flips = better + worse
    if flips == 0:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(better, worse), flips, 0.5)))


def sign_flip_exact(differences: npt.ArrayLike) -> float:
    """Two-sided exact sign-flip p-value of paired differences (Fisher 1935): is the mean 0?

    Under the null every difference is as likely to have the other sign; p is the share of all sign
    patterns whose sum is at least as far from 0. For differences of 0 and ±1 this is
    `mcnemar_exact`; for shares over rotations it tests the mean, where a test of the signs alone
    would let many small losses outweigh few large gains.

    Differences are taken as whole multiples of the largest unit that fits them (shares of up to 12
    rotations have one), else of a 2,000th of the largest. The distribution of the sum is the
    inverse Fourier transform of the product of (1 + exp(i w m)) / 2 over the sizes m. Above 2^17
    units the normal approximation with variance sum d^2 is used; its error is then far below any p
    that is reported.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if values.size == 0:
        return 1.0
    steps = _whole(values)
    sizes, counts = np.unique(np.abs(steps), return_counts=True)
    if sizes.size == 1:
        better = int((values > 0).sum())
        return mcnemar_exact(better, values.size - better)
    total, seen = int((sizes * counts).sum()), abs(int(steps.sum()))
    if total > _MOST_UNITS:
        return math.erfc(seen / math.sqrt(2.0 * float((steps.astype(np.float64) ** 2).sum())))
    waves = np.ones((total + 1) // 2 + 1, dtype=np.complex128)
    turn = -2j * np.pi * np.arange(waves.size) / (total + 1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        waves *= ((1.0 + np.exp(turn * size)) / 2.0) ** count
    chance = np.fft.irfft(
        waves, n=total + 1
    )  # probability of each sum of the positive ones, 0..total
    far = np.abs(2 * np.arange(total + 1) - total) >= seen
    return float(min(1.0, max(0.0, chance[far].sum())))


def _whole(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Differences as whole numbers of one unit."""
    steps: npt.NDArray[np.float64]
    for unit in (1, 2, 3, 4, 5, 6, 8, 12, 20, 24, 30, 60, 120, 840, 27720):
        steps = np.rint(values * unit)
        if np.abs(steps - values * unit).max() < 1e-6:
            break
    else:
        steps = np.rint(values * (2000.0 / np.abs(values).max()))
    whole: npt.NDArray[np.int64] = steps.astype(np.int64)
    return whole


def clusters(recordings: Sequence[Sequence[str]]) -> list[str]:
    """One cluster name per unit, from the recordings each unit holds.

    Units that share a recording, directly or through others, form one cluster. Where questions
    about several clips tie nearly everything together (fewer than 20 clusters, or one with over
    half of the units), each unit is clustered by its most shared recording instead: an
    approximation, without which there would be nothing left to resample. Units without recordings
    are clusters of one.
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
    used = Counter(name for own in recordings for name in dict.fromkeys(own))
    return [
        min(own, key=lambda name: (-used[name], name)) if own else f"unit {i}"
        for i, own in enumerate(recordings)
    ]


def position_bias(chosen: Sequence[int], gold: Sequence[int]) -> float:
    """p-value (chi², n − 1 degrees) of the picks by shown position against no position bias.

    A model without bias that is right in a share w of its picks spreads them like
    w · gold + (1 − w) · uniform. The w that fits best is used, so an uneven answer key does not
    count against the model; with an even key every w is the same: the plain goodness-of-fit test.
    """
    from scipy.special import chdtrc

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
    return float(chdtrc(picks.size - 1, terms.sum(axis=1).min()))


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


def ece(
    confidence: Vector, right: Sequence[bool] | Vector, bins: int = 10, mass: bool = False
) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over bins (arXiv 1706.04599).

    `bins` of equal width over 0..1, or with `mass` of equally many answers (arXiv 1904.01685),
    where answers of equal confidence stay in one bin. nan without answers.
    """
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if sure.size == 0:
        return math.nan
    place = _places(sure, bins, mass)
    gaps = np.bincount(place, weights=hit - sure, minlength=bins)
    return float(np.abs(gaps).sum() / sure.size)


def reliability(
    confidence: Vector, right: Sequence[bool] | Vector, bins: int = 10
) -> list[tuple[float, float, int]]:
    """(mean confidence, accuracy, answers) of each bin of equal width that has any answer."""
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = _places(sure, bins, False)
    sizes = np.bincount(place, minlength=bins)
    means = [np.bincount(place, weights=v, minlength=bins) for v in (sure, hit)]
    return [
        (float(means[0][i] / sizes[i]), float(means[1][i] / sizes[i]), int(sizes[i]))
        for i in np.flatnonzero(sizes)
    ]


def _places(sure: npt.NDArray[np.float64], bins: int, mass: bool) -> npt.NDArray[np.int64]:
    """The bin of each confidence."""
    if not mass:
        return np.minimum((sure * bins).astype(np.int64), bins - 1)
    ranks = np.searchsorted(np.sort(sure), sure, side="left")
    return ranks * bins // max(sure.size, 1)


def brier(chances: npt.NDArray[np.float64], gold: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """Mean over answers of Σ_k (p_k − [k is gold])², 0 to 2 (Brier 1950); nan without answers.

    Args:
        chances: (answers, options) probabilities; options that an answer lacks are 0.
        gold: the right option of each.
    """
    p, key = np.asarray(chances, dtype=np.float64), np.asarray(gold, dtype=np.int64)
    if not key.size:
        return math.nan
    own = p[np.arange(key.size), key]
    return float(((p**2).sum(axis=1) - 2 * own + 1).mean())


def coverage_curve(
    confidence: Vector, right: Sequence[bool] | Vector, points: int = 10
) -> tuple[float, list[tuple[float, float]]]:
    """Accuracy of the most confident answers only (selective prediction, arXiv 1705.08500).

    Answers of equal confidence come in random order: each counts as their mean accuracy.

    Returns:
        (area, curve): the mean accuracy over all numbers of answers kept, 1..n (1 − AURC), and
        (coverage, accuracy) at ``1/points, 2/points, …, 1``; (nan, []) without answers.
    """
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if sure.size == 0:
        return math.nan, []
    _, block, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    expected = (np.bincount(block, weights=hit) / sizes).repeat(sizes)
    kept = np.arange(1, sure.size + 1)
    accuracy = np.cumsum(expected) / kept
    at = np.maximum(np.ceil(sure.size * np.arange(1, points + 1) / points - 1e-9), 1).astype(int)
    return float(accuracy.mean()), [(float(k / sure.size), float(accuracy[k - 1])) for k in at]
