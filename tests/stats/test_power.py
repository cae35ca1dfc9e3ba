"""The smallest difference that can be found, by hand and by trying it."""

from __future__ import annotations

import numpy as np
import pytest

from harken.stats import measures as stats


def test_so_few_flips_never_show_anything() -> None:
    # Five flips to one side: p = 2 / 2^5 = 0.0625. Six: 2 / 2^6 = 0.03.
    assert stats.detectable(5, discordant=1.0) is None
    # All six must go one way: q^6 + (1 - q)^6 = 0.8, and the difference is 2q - 1.
    q = 0.8 ** (1 / 6)
    assert stats.detectable(6, discordant=1.0) == pytest.approx(2 * q - 1, abs=1e-4)


def test_three_items_against_chance() -> None:
    # P(Bin(3, 1/4) >= 2) = 10/64 is too likely, P(= 3) = 1/64 is not: accuracy^3 = 0.8.
    assert stats.detectable_above(3, 0.25) == pytest.approx(0.8 ** (1 / 3), abs=1e-5)
    assert stats.detectable_above(1, 0.25) is None
    found = stats.detectable_above(1000, 0.25)
    assert found == pytest.approx(0.25 + 2.486 * np.sqrt(0.25 * 0.75 / 1000), abs=0.003)


@pytest.mark.parametrize(("n", "discordant"), [(60, 0.5), (200, 0.2)])
def test_the_difference_is_found_as_often_as_promised(n: int, discordant: float) -> None:
    difference = stats.detectable(n, discordant)
    assert difference is not None
    rng = np.random.default_rng(5)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    flips = rng.multinomial(n, shares, 4000)
    p = [stats.mcnemar_exact(int(better), int(worse)) for better, worse, _ in flips]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.8, abs=0.02)  # 3 standard errors


def test_more_items_and_fewer_flips_show_smaller_differences() -> None:
    sizes = [stats.detectable(n) or 1 for n in (50, 100, 400, 1600)]
    assert sizes == sorted(sizes, reverse=True)
    shares = [stats.detectable(400, share) or 1 for share in (0.5, 0.2, 0.1)]
    assert shares == sorted(shares, reverse=True)
