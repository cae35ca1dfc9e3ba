from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.curate.shapley import interaction, orders, shapley, subsets


def every(size):
    return [frozenset(s) for n in range(size + 1) for s in combinations(range(size), n)]


def test_two_clips_by_hand():
    # v: nothing -2, clip 1 alone -1, clip 2 alone -2, both 0 (bits)
    none, one, two, both = every(2)
    values = {none: -2.0, one: -1.0, two: -2.0, both: 0.0}
    # clip 1: mean of (-1 - -2) and (0 - -2) = 1.5; clip 2: mean of (-2 - -2) and (0 - -1) = 0.5
    assert shapley(values, 2) == pytest.approx((1.5, 0.5))
    assert interaction(values) == pytest.approx(0 + 1 + 2 - 2)


def test_comparison_redundancy_and_addition():
    none, one, two, both = every(2)
    assert interaction({none: 0, one: 0, two: 0, both: 2}) == 2  # only together
    assert interaction({none: 0, one: 2, two: 2, both: 2}) == -2  # either will do
    assert interaction({none: 0, one: 1, two: 2, both: 3}) == 0  # each its own


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.data())
def test_exact_shares_are_efficient_and_the_mean_over_all_orders(size, data):
    values = {s: data.draw(st.floats(-10, 0, allow_nan=False)) for s in every(size)}
    shares = shapley(values, size)
    assert sum(shares) == pytest.approx(values[frozenset(range(size))] - values[frozenset()])
    mean = [0.0] * size
    for order in orders(size):
        for n, clip in enumerate(order):
            gain = values[frozenset(order[: n + 1])] - values[frozenset(order[:n])]
            mean[clip] += gain / len(orders(size))
    assert shares == pytest.approx(tuple(mean))


@pytest.mark.parametrize("size", [5, 6])
def test_sampled_shares_are_efficient_seeded_and_right_for_a_sum(size):
    worth = [float(clip) for clip in range(size)]
    asked = subsets(size, seed=3)
    assert frozenset() in asked and frozenset(range(size)) in asked
    assert len(asked) < 2**size or size == 5
    assert asked == subsets(size, seed=3) != subsets(size, seed=4)
    values = {s: sum(worth[clip] for clip in s) for s in asked}
    assert shapley(values, size, seed=3) == pytest.approx(worth)  # additive: exact by any order
    values[frozenset(range(size))] += 7.0
    assert sum(shapley(values, size, seed=3)) == pytest.approx(sum(worth) + 7.0)


def test_a_dummy_clip_has_no_share_and_equal_clips_have_equal_ones():
    values = {s: float(0 in s and 1 in s) for s in every(3)}
    assert shapley(values, 3) == pytest.approx((0.5, 0.5, 0.0))


@pytest.mark.parametrize("size", [5, 7])
def test_sampled_orders_come_with_their_reverse_so_pairs_are_shared_exactly(size):
    # v(S) = (sum of worth)^2: clip i is worth w_i (w_i + 2 * what came before it). Over an order
    # and its reverse what came before is, on average, half of all others: w_i * sum of worth.
    worth = [1.0 + clip for clip in range(size)]
    values = {s: sum(worth[clip] for clip in s) ** 2 for s in subsets(size, seed=2)}
    assert shapley(values, size, seed=2) == pytest.approx([w * sum(worth) for w in worth])
    drawn = orders(size, seed=2)
    assert {order[::-1] for order in drawn} == set(drawn)
