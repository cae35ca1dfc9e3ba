"""Shingles, similarities and bands, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harken.clean.texts import (
    ORDERS,
    Sketches,
    asked,
    asked_with_options,
    bands_for,
    jaccard,
    same_text,
    shingles,
)
from harken.item import Dialogue, Exchange, Item


def test_shingles_are_runs_of_bytes() -> None:
    assert shingles("abab", 2).tolist() == sorted([97 + 98 * 256, 98 + 97 * 256])
    assert len(shingles("abcdef", 5)) == 2
    assert len(shingles("ab", 5)) == 1 and len(shingles("", 5)) == 1
    assert shingles("ab", 5).tolist() != shingles("abc", 5).tolist()


def test_similarity_is_intersection_by_union() -> None:
    one, other = shingles("abcde", 1), shingles("cdefgh", 1)
    assert jaccard(one, other) == 3 / 8
    assert jaccard(one, one) == 1.0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_miss_at_most_one_pair_in_a_hundred_at_the_threshold(threshold: float) -> None:
    bands, rows = bands_for(threshold)
    assert bands * rows <= ORDERS
    assert (1 - threshold**rows) ** bands <= 0.01
    if rows < ORDERS:
        assert (1 - threshold ** (rows + 1)) ** (ORDERS // (rows + 1)) > 0.01


def pairs(seed: int, count: int, shared: int, own: int) -> list[str]:
    """Pairs of texts whose single bytes make the similarity shared / (shared + 2 own)."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        signs = [chr(int(c)) for c in draw.permutation(np.arange(0x20, 0x7F))]
        both, left, right = signs[:shared], signs[shared : shared + own], signs[-own:]
        found += ["".join([*both, *left]), "".join([*both, *right])]
    return found


def test_similar_pairs_are_found_and_others_are_not() -> None:
    near = pairs(1, 60, 45, 5)  # 45 / 55 = 0.818
    sketches = Sketches(near.__getitem__, [n // 2 for n in range(120)], 1, 0.8)
    found = sketches.leaders(range(120))
    assert len(found) >= 58
    assert all(held == place - 1 and alike == 45 / 55 for place, (held, alike) in found.items())
    far = pairs(2, 60, 36, 9)  # 36 / 54 = 0.667
    assert not Sketches(far.__getitem__, [n // 2 for n in range(120)], 1, 0.8).leaders(range(120))


def test_groups_are_apart_and_the_first_in_order_stays() -> None:
    texts = ["the same words of a question"] * 4
    assert Sketches(texts.__getitem__, ["a", "b", "a", "b"], 5, 0.8).leaders([2, 3, 0, 1]) == {
        0: (2, 1.0),
        1: (3, 1.0),
    }


def test_what_is_asked() -> None:
    closed = Item("Which, Sir?", "a Dog", ("the cat", "a Dog"))
    assert asked(closed) == "which sir" and asked_with_options(closed).startswith("which sir ")
    assert "dog" in asked_with_options(closed)
    opened = Item("What is it?", "A dog!")
    assert "dog" in asked(opened)
    turn = Dialogue(earlier=(Exchange("How long?", "Two."),))
    assert asked(Item("And now?", "x", ("x", "y"), dialogue=turn)).startswith("how long")


def test_white_space_and_the_order_of_options_do_not_count() -> None:
    one = Item("Which  one?", "b", ("a", "b"))
    assert same_text(one) == same_text(Item(" Which one? ", "b", ("b", "a")))
    assert same_text(one) != same_text(Item("Which one?", "a", ("a", "b")))
