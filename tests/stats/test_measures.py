"""Arithmetic that a person can check."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from harken.stats import measures as stats


def test_wilson_by_hand():
    # 8 of 10, z = 2: centre (0.8 + 4/20) / 1.4 = 5/7; half = 2 sqrt(0.016 + 0.01) / 1.4
    low, high = stats.wilson(8, 10, z=2.0)
    half = 2 * math.sqrt(0.8 * 0.2 / 10 + 4 / 400) / 1.4
    assert (low, high) == (pytest.approx(5 / 7 - half), pytest.approx(5 / 7 + half))


def test_wilson_at_the_edges():
    assert stats.wilson(0, 0) == (0.0, 1.0)
    assert stats.wilson(0, 10)[0] == 0.0 and stats.wilson(0, 10)[1] == pytest.approx(
        0.2775, abs=1e-4
    )
    assert stats.wilson(10, 10)[1] == 1.0


def test_mcnemar_by_hand():
    # 1 against 5: 2 * (C(6,0) + C(6,1)) / 2^6 = 14/64
    assert stats.mcnemar_exact(1, 5) == pytest.approx(14 / 64)
    assert stats.mcnemar_exact(5, 1) == pytest.approx(14 / 64)
    assert stats.mcnemar_exact(0, 0) == 1.0
    assert stats.mcnemar_exact(3, 3) == 1.0
    assert stats.mcnemar_exact(0, 10) == pytest.approx(2 / 1024)


def test_clusters_join_what_shares_a_recording():
    units = [["a"], ["a", "b"], ["b"], ["c"], [], *[[f"x{i}"] for i in range(30)]]
    names = stats.clusters(units)
    assert names[0] == names[1] == names[2] != names[3]
    assert len(set(names)) == 33


def test_clusters_of_a_giant_component_fall_back_to_the_most_shared_recording():
    units = [["hub", f"x{i}"] for i in range(10)] + [[f"x{i}", f"x{i + 1}"] for i in range(9)]
    names = stats.clusters(units)
    assert names[:10] == ["hub"] * 10
    assert len(set(names[10:])) > 3


def test_one_cluster_of_more_than_half_is_taken_apart_however_many_others_there_are():
    def chained(length):
        return [[f"x{i}", f"x{i + 1}"] for i in range(length)]

    alone = [[f"y{i}"] for i in range(24)]
    half = stats.clusters([*chained(24), *alone])
    assert len(set(half[:24])) == 1 and len(set(half)) == 25
    more = stats.clusters([*chained(30), *alone])
    assert len(set(more[:30])) > 10 and len(set(more[30:])) == 24


def test_position_bias():
    assert stats.position_bias([25, 25, 25, 25], [25, 25, 25, 25]) == pytest.approx(1.0)
    assert stats.position_bias([100, 0, 0, 0], [25, 25, 25, 25]) < 1e-20
    # chi2 = (30 - 20)^2/20 + (10 - 20)^2/20 = 10, one degree of freedom
    assert stats.position_bias([30, 10], [20, 20]) == pytest.approx(0.00157, abs=1e-4)
    # An uneven key answered correctly is no bias of the model.
    assert stats.position_bias([70, 10, 10, 10], [70, 10, 10, 10]) == pytest.approx(1.0)
    assert stats.position_bias([0, 0], [1, 1]) == 1.0


def test_holm_by_hand():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == []


def test_bits():
    assert stats.bits(math.log(8)) == pytest.approx(3.0)


def test_calibration_error_by_hand():
    assert stats.ece([0.75] * 4, [True, True, True, False]) == pytest.approx(0.0)
    assert stats.ece([1.0, 1.0], [True, False]) == pytest.approx(0.5)
    # One bin at 0.95 (two answers, none right), one at 0.15 (two, both right).
    assert stats.ece([0.95, 0.95, 0.15, 0.15], [0, 0, 1, 1]) == pytest.approx((0.95 + 0.85) / 2)
    # Two bins of equal mass: {0.6, 0.7} all right, {0.8, 0.9} all wrong.
    mass = stats.ece([0.9, 0.6, 0.8, 0.7], [0, 1, 0, 1], bins=2, mass=True)
    assert mass == pytest.approx((0.35 + 0.85) / 2)
    assert stats.reliability([0.95, 0.92, 0.15], [1, 0, 1]) == [
        (pytest.approx(0.15), 1.0, 1), (pytest.approx(0.935), 0.5, 2),
    ]  # fmt: skip
    # The two uppermost bins are two, and certainty lies in the last.
    assert stats.ece([0.95, 0.85], [0, 1]) == pytest.approx((0.95 + 0.15) / 2)
    assert stats.reliability([1.0, 0.95, 0.85], [1, 0, 1]) == [
        (pytest.approx(0.85), 1.0, 1), (pytest.approx(0.975), 0.5, 2),
    ]  # fmt: skip
    assert math.isnan(stats.ece([], []))


def test_brier_by_hand():
    # 0.7, 0.2, 0.1 with the first right: 0.09 + 0.04 + 0.01; sure and wrong: 1 + 1
    chances = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    assert stats.brier(chances[:1], [0]) == pytest.approx(0.14)
    assert stats.brier(chances, [0, 0]) == pytest.approx((0.14 + 2) / 2)
    assert math.isnan(stats.brier(chances[:0], []))


def test_accuracy_over_coverage_by_hand():
    # Surest first: right, right, wrong, right -> 1, 1, 2/3, 3/4
    area, curve = stats.coverage_curve([0.6, 0.9, 0.7, 0.8], [1, 1, 0, 1], points=4)
    assert area == pytest.approx((1 + 1 + 2 / 3 + 3 / 4) / 4)
    assert curve == [(0.25, 1.0), (0.5, 1.0), (0.75, pytest.approx(2 / 3)), (1.0, 0.75)]
    # All equally sure: the order says nothing, so every share kept has the overall accuracy.
    area, curve = stats.coverage_curve([0.5] * 4, [1, 0, 0, 1], points=2)
    assert area == pytest.approx(0.5) and curve == [(0.5, 0.5), (1.0, 0.5)]
    assert stats.coverage_curve([], [])[1] == []


def test_the_exact_tests_agree_with_scipy():
    from scipy.stats import binom, chi2

    for better, worse in ((3, 10), (100, 160), (0, 60), (7, 7)):
        p = min(1.0, 2 * binom.cdf(min(better, worse), better + worse, 0.5))
        assert stats.mcnemar_exact(better, worse) == pytest.approx(p, rel=1e-9)
    assert stats.position_bias([30, 10], [20, 20]) == pytest.approx(chi2.sf(10, 1), rel=1e-9)


def test_sign_flips_of_whole_scores_are_mcnemar():
    for better, worse in ((6, 1), (1, 6), (0, 0), (30, 12)):
        signs = [1] * better + [-1] * worse + [0] * 5
        assert stats.sign_flip_exact(signs) == pytest.approx(stats.mcnemar_exact(better, worse))


@pytest.mark.parametrize("seed", range(20))
def test_sign_flips_of_shares_are_counted_one_by_one(seed):
    draw = np.random.default_rng(seed)
    parts = int(draw.choice([2, 3, 4, 5]))
    values = draw.integers(-parts, parts + 1, int(draw.integers(1, 11))) / parts
    flips = [abs(np.dot(signs, values)) for signs in product((-1, 1), repeat=len(values))]
    share = np.mean(np.array(flips) >= abs(values.sum()) - 1e-9)
    assert stats.sign_flip_exact(values) == pytest.approx(share)


def test_many_small_losses_do_not_outweigh_few_large_gains():
    # Eight items lose a quarter, two gain three quarters and one: the mean is nearly 0.
    values = [-0.25] * 8 + [0.75, 1.0]
    assert stats.mcnemar_exact(2, 8) == pytest.approx(0.109375)
    assert stats.sign_flip_exact(values) > 0.9


def test_very_many_flips_follow_the_normal_approximation():
    values = np.random.default_rng(0).normal(0.02, 1.0, 5000)
    z = abs(values.sum()) / np.sqrt((values**2).sum())
    assert stats.sign_flip_exact(values) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)
