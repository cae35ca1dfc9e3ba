"""Intervals over seeds and recordings at once: two ways in which a study would come out otherwise.

A study trains an arm with several seeds and asks each model the same items. Both the seeds and the
recordings of the items are samples, and they are crossed: every seed meets every recording. So both
are drawn with replacement, each by itself, and a cell counts as often as its seed times its
recording was drawn (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1(2)). Its
variance is never below the true one by the part of the recordings, and is somewhat too large where
the two work together; the part of S seeds is too small by (S - 1) / S, as in any bootstrap.

A figure is a ratio of sums, right of asked: a share of right answers, an F1 (twice the hits, of
predicted plus gold) or nats a token. What is compared is a signed sum of such figures, all with the
same draws: that pairs them over seeds and recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harken.stats.bootstrap import DRAWS, LEVEL
from harken.threads import one_blas_thread

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossedSums:
    """One figure of a signed sum.

    Attributes:
        sign: +1 or -1.
        right: (seeds, recordings) sums of what counts.
        asked: (seeds, recordings) sums of what it is a share of.
    """

    sign: int
    right: Floats
    asked: Floats


@dataclass(frozen=True, slots=True)
class CrossedInterval:
    """A signed sum of figures.

    Attributes:
        value: on all seeds and recordings; None where a figure has nothing asked.
        low, high: 95 % percentile interval; None with fewer than two seeds or recordings.
        by_seed: the same of each seed alone, in order.
    """

    value: float | None
    low: float | None
    high: float | None
    by_seed: tuple[float, ...]


def crossed(terms: Sequence[CrossedSums], *, seed: int = 0, draws: int = DRAWS) -> CrossedInterval:
    """The signed sum of `terms`, with an interval over seeds and recordings.

    Args:
        terms: of one shape (seeds, recordings), in the same order of both.
        seed: of the draws; the same for all figures of a study, so that they are comparable.
        draws: bootstrap samples.

    Raises:
        ValueError: no terms, or of different shapes.
    """
    shapes = [shape for one in terms for shape in (one.right.shape, one.asked.shape)]
    if not shapes or shapes != shapes[:1] * len(shapes):
        raise ValueError(f"terms of one shape are needed, these have {shapes}")
    seeds, recordings = shapes[0]
    if not all(one.asked.sum() > 0 for one in terms):
        return CrossedInterval(None, None, None, ())
    value = sum(one.sign * float(one.right.sum() / one.asked.sum()) for one in terms)
    by_seed = tuple(_of_one_seed(terms, at) for at in range(seeds))
    if seeds < 2 or recordings < 2:
        return CrossedInterval(value, None, None, by_seed)
    rng = np.random.default_rng([seed, seeds, recordings])
    of_seeds = _times_drawn(rng, seeds, draws)
    of_recordings = _times_drawn(rng, recordings, draws)
    total = np.zeros(draws)
    usable = np.ones(draws, bool)
    with one_blas_thread():
        for one in terms:
            right = ((of_seeds @ one.right) * of_recordings).sum(axis=1)
            asked = ((of_seeds @ one.asked) * of_recordings).sum(axis=1)
            usable &= asked > 0
            total += one.sign * np.divide(right, asked, out=np.zeros(draws), where=asked > 0)
    edge = (1 - LEVEL) / 2
    low, high = np.quantile(total[usable], [edge, 1 - edge])
    return CrossedInterval(value, float(low), float(high), by_seed)


def _of_one_seed(terms: Sequence[CrossedSums], at: int) -> float:
    asked = [float(one.asked[at].sum()) for one in terms]
    return sum(
        one.sign * float(one.right[at].sum()) / (n or 1.0)
        for one, n in zip(terms, asked, strict=True)
    )


def _times_drawn(rng: np.random.Generator, count: int, draws: int) -> Floats:
    """(draws, count) how often each of `count` is among `count` drawn with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
