"""Resampling: the same draws for all, exact, and as wide as it should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harken.stats.bootstrap import Resampling, numbered, two_sided

RNG = np.random.default_rng(0)


def interval(values: Any, member: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    resampling = Resampling(member, **more)
    resampling.want(np.asarray(values, dtype=float), found, ("low", "high", "p"))
    resampling.run()
    return found


def test_the_p_value_by_hand() -> None:
    # One draw of four at or below 0, and the sample itself: 2 (1 + 1) / (4 + 1)
    assert two_sided(np.array([-1.0, 1.0, 2.0, 3.0]), 9) == pytest.approx(0.8)
    assert two_sided(np.zeros(10), 9) == 1.0
    assert two_sided(np.ones(1999), 30) == pytest.approx(2 / 2000)


def test_no_figure_changes_with_what_is_asked_beside_it() -> None:
    member = RNG.integers(0, 40, 300)
    values = [RNG.random(300) for _ in range(7)]
    together: list[dict[str, Any]] = [{} for _ in values]
    resampling = Resampling(member)
    for at in (3, 0, 6, 1, 5, 2, 4):
        resampling.want(values[at], together[at], ("low", "high", "p"), block=str(at % 2))
    resampling.run()
    assert together == [interval(v, member) for v in values]


def test_no_figure_changes_with_the_order_of_the_units() -> None:
    names = [f"r{i // 3}" for i in range(90)]
    values, order = RNG.random(90), RNG.permutation(90)
    there = interval(values, numbered(names))
    back = interval(values[order], numbered([names[i] for i in order]))
    assert there == back


def test_units_name_a_part() -> None:
    member, values = np.arange(50) // 2, RNG.random(50)
    part = np.arange(10, 30)
    found: dict[str, Any] = {}
    resampling = Resampling(member)
    resampling.want(values[part], found, ("low", "high", "p"), units=part)
    resampling.run()
    whole = np.full(50, np.nan)
    whole[part] = values[part]
    assert found == interval(whole, member)


def test_the_width_is_that_of_the_normal_interval_over_clusters() -> None:
    member = np.arange(2000) // 5
    effect = RNG.normal(size=400)[member] + 0.1 * RNG.normal(size=2000)
    found = interval(effect, member)
    spread = 1.96 * effect.reshape(400, 5).mean(axis=1).std() / math.sqrt(400)
    assert found["high"] - found["low"] == pytest.approx(2 * spread, rel=0.08)
    assert found["low"] < effect.mean() < found["high"]


def test_what_is_absent_has_no_interval() -> None:
    assert interval([np.nan, np.nan], [0, 1]) == {"low": None, "high": None, "p": None}
    assert interval([], []) == {"low": None, "high": None, "p": None}
    # Two clusters of many: draws that miss both say nothing and are left out.
    found = interval([0.25, 0.25] + [np.nan] * 8, range(10))
    assert found["low"] == found["high"] == 0.25


@pytest.mark.parametrize(
    ("values", "member"),
    [
        ([0.25], [0]),
        ([-0.25] * 8, [0] * 8),
        ([1.0, 0.0, 1.0], [3, 3, 3]),
        ([0.25, *[np.nan] * 9], range(10)),
    ],
)
def test_one_recording_has_no_interval_and_no_p(values: Any, member: Any) -> None:
    assert interval(values, member) == {"low": None, "high": None, "p": None}


@pytest.mark.parametrize("clusters", [2, 3, 5, 9])
def test_no_p_is_below_what_so_few_recordings_can_show(clusters: int) -> None:
    member = np.arange(4 * clusters) // 4
    assert interval(np.full(4 * clusters, -0.5), member)["p"] == 2.0 ** (1 - clusters)
    values = [*[1.0] * 4, *[np.nan] * (4 * clusters)]  # the others have no value
    assert interval(values, np.arange(len(values)) // 4)["p"] is None


def test_the_seed_decides() -> None:
    values, member = RNG.random(80), np.arange(80)
    assert interval(values, member, seed=1) == interval(values, member, seed=1)
    assert interval(values, member, seed=1) != interval(values, member, seed=2)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        member = np.arange(240) // 4
        right = draw.random(240) < draw.beta(4, 2, 60)[member]  # answers of one recording agree
        found = interval(right, member, seed=seed, draws=400)
        held += found["low"] <= 4 / 6 <= found["high"]
    assert held / 200 == pytest.approx(0.95, abs=0.045)  # 3 standard errors
