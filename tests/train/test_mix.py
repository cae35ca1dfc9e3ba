"""Which examples are in which batch, of one source or of several with a share each."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.train.batch import epoch_picks
from harken.train.mix import Mix

counts = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@st.composite
def mixes(draw: st.DrawFn) -> Mix:
    own = tuple(draw(counts))
    parts = [draw(st.integers(0, 9)) for _ in own]
    parts[draw(st.integers(0, len(own) - 1))] += 1
    return Mix(own, tuple(part / sum(parts) for part in parts))


@given(mixes(), st.integers(1, 9), st.integers(0, 3), st.integers(0, 40))
def test_every_batch_has_the_shares(mix: Mix, size: int, seed: int, step: int) -> None:
    """And so has every run of batches: no share drifts."""
    some = mix.picks(size, seed, step)
    upto = [pick for n in range(step + 1) for pick in mix.picks(size, seed, n)]
    assert len(some) == size and some == upto[-size:] and some == mix.picks(size, seed, step)
    for picks in (some, upto):
        found = Counter(mix.source(pick) for pick in picks)
        for source, share in enumerate(mix.shares):
            # Each source before it may be off by one.
            assert abs(found[source] - share * len(picks)) <= 1 + source + 1e-6
            assert share or not found[source]


@given(mixes(), st.integers(1, 9), st.integers(0, 3))
def test_every_source_is_gone_through_in_whole_epochs(mix: Mix, size: int, seed: int) -> None:
    picks = [pick for step in range(30) for pick in mix.picks(size, seed, step)]
    for source, count in enumerate(mix.counts):
        own = [pick for pick in picks if mix.source(pick) == source]
        for start in range(0, len(own) - count + 1, count):
            assert len(set(own[start : start + count])) == count
    assert mix.used(size, seed, 30) == sorted(set(picks))


def test_shares_that_fit_a_batch_are_exact_in_each() -> None:
    mix = Mix((50, 7, 100), (0.25, 0.25, 0.5))
    for step in range(40):
        found = Counter(mix.source(pick) for pick in mix.picks(8, 3, step))
        assert found == {0: 2, 1: 2, 2: 4}
    uneven = Mix((9, 9), (0.29, 0.71))
    for step in range(5):
        assert Counter(map(uneven.source, uneven.picks(100, 0, step))) == {0: 29, 1: 71}


@pytest.mark.parametrize(("count", "size"), [(7, 3), (30, 15), (3, 8)])
def test_one_source_is_drawn_as_items_always_were(count: int, size: int) -> None:
    for step in range(9):
        assert Mix((count,)).picks(size, 5, step) == epoch_picks(count, size, 5, step)
        # A second source changes which positions the first has, and not its order.
    both = [p for n in range(60) for p in Mix((count, 4), (0.5, 0.5)).picks(2, 5, n) if p < count]
    alone = [p for n in range(60) for p in Mix((count,)).picks(1, 5, n)]
    assert both == alone


def test_sources_do_not_share_an_order() -> None:
    picks = [p for n in range(40) for p in Mix((20, 20), (0.5, 0.5)).picks(2, 1, n)]
    first, second = ([p % 20 for p in picks if p // 20 == own][:20] for own in (0, 1))
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
