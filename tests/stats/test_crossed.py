"""Intervals over seeds and recordings at once: by hand, and as wide as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from harken.stats.crossed import CrossedSums, crossed


def one(right: object, asked: object | None = None, sign: int = 1) -> CrossedSums:
    hits = np.asarray(right, dtype=float)
    return CrossedSums(
        sign, hits, np.ones_like(hits) if asked is None else np.asarray(asked, float)
    )


def test_a_difference_of_ratios_by_hand() -> None:
    # 6 of 8 less 1 of 4; the seeds alone: 2/4 - 0/2 and 4/4 - 1/2
    a = one([[1, 1], [2, 2]], [[2, 2], [2, 2]])
    b = one([[0, 0], [1, 0]], [[1, 1], [1, 1]], sign=-1)
    found = crossed([a, b])
    assert found.value == pytest.approx(6 / 8 - 1 / 4)
    assert found.by_seed == pytest.approx((0.5, 0.5))


def test_an_f1_counts_events_not_items() -> None:
    # Two items: 2 of 2 events met (4 of 4), none of 8 (0 of 8): F1 is 4/12, not (1 + 0) / 2.
    found = crossed([one([[4, 0], [4, 0]], [[4, 8], [4, 8]])])
    assert found.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [(1, 30), (5, 1)])
def test_one_seed_or_one_recording_has_no_interval(shape: tuple[int, int]) -> None:
    found = crossed([one(np.ones(shape))])
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert len(found.by_seed) == shape[0]


def test_nothing_asked_has_no_value() -> None:
    assert crossed([one(np.zeros((3, 4)), np.zeros((3, 4)))]).value is None


def test_what_all_seeds_and_recordings_have_is_certain() -> None:
    found = crossed([one(np.full((4, 9), 0.25))])
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))


def test_seeds_that_differ_widen_what_recordings_do_not() -> None:
    rng = np.random.default_rng(1)
    recordings = rng.random(200)
    same = np.tile(recordings, (5, 1))
    apart = same + np.array([-0.2, -0.1, 0.0, 0.1, 0.2])[:, None]
    narrow, wide = (crossed([one(values)]) for values in (same, apart))
    assert narrow.value == pytest.approx(wide.value)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)  # type: ignore[operator]


def test_pairs_cancel_what_both_have() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random((1, 300)) + rng.random((5, 1))  # recordings and seeds of their own
    both = crossed([one(hard + 0.1), one(hard, sign=-1)])
    assert (both.low, both.high) == pytest.approx((0.1, 0.1))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Crossed effects of seeds and recordings; the pigeonhole bootstrap may be too wide."""
    rng = np.random.default_rng(3)
    met = 0
    for _ in range(200):
        values = rng.normal(0, 1, (8, 1)) + rng.normal(0, 1, (1, 60)) + rng.normal(0, 1, (8, 60))
        found = crossed([one(values)], draws=400)
        met += found.low < 0 < found.high  # type: ignore[operator]
    assert 0.85 <= met / 200 <= 1.0


def test_tables_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        crossed([one(np.ones((2, 3))), one(np.ones((2, 4)), sign=-1)])
