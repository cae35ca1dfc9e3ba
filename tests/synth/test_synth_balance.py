"""A text-only model is at chance: balance, and text statistics from which nothing is learned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_sounds import CLOSED, world

from harken.item import Item
from harken.synth.design import BlockDesign
from harken.synth.make import draw
from harken.synth.pool import RecordingPool
from harken.synth.vocabulary import tokens

N = 2000
POOL = RecordingPool(world(["train"]), "train")


@cache
def drawn(family: str, seed: int) -> tuple[Item, ...]:
    items = tuple(draw(POOL, "train", family, N, seed))
    assert len(items) == N
    return items


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2**31))
def test_every_combination_comes_once_in_a_block(sizes: list[int], seed: int) -> None:
    total = int(np.prod(sizes))
    seen = Counter()
    for index in range(2 * total):
        design = BlockDesign((seed, 1), index)
        seen[tuple(design.turn(n) for n in sizes)] += 1
    assert set(seen.values()) == {2}


def test_every_block_has_an_order_of_its_own() -> None:
    """Whoever knows the number of an item does not know its answer."""
    turns = [BlockDesign((5,), index).turn(4) for index in range(400)]
    blocks = {tuple(turns[at : at + 4]) for at in range(0, 400, 4)}
    assert len(blocks) > 20  # of 24
    assert [BlockDesign((6,), index).turn(4) for index in range(400)] != turns


def test_what_is_drawn_aside_says_nothing_of_the_next_turn() -> None:
    """Both are balanced, and together they come as chance would have it."""
    pairs = Counter()
    for index in range(4000):
        design = BlockDesign((7,), index)
        pairs[design.aside(4), design.turn(4)] += 1
    assert {sum(n for (one, _), n in pairs.items() if one == k) for k in range(4)} == {1000}
    off = [(pairs[i, j] - 250) / (4000 * 15 / 256) ** 0.5 for i in range(4) for j in range(4)]
    assert max(abs(z) for z in off) < 4


def test_a_toss_is_that_of_its_item_and_no_block_tells_it() -> None:
    """All values are equally likely, independent of all that was drawn and of other items."""

    def toss(index: int) -> tuple[int, int]:
        design = BlockDesign((7,), index)
        return design.turn(3), design.toss(4)

    drawn = [toss(index) for index in range(6000)]
    assert drawn[:50] == [toss(index) for index in range(50)]
    counts = Counter(drawn)
    off = [(n - 500) / (500 * 0.75) ** 0.5 for n in counts.values()]
    assert len(counts) == 12 and max(map(abs, off)) < 4
    assert float(np.mean(np.square(off))) > 0.3  # 0 if exactly balanced
    again = sum(a[1] == b[1] for a, b in pairwise(drawn))
    assert abs(again / 5999 - 0.25) < 4 * (0.25 * 0.75 / 5999) ** 0.5


def test_the_last_turn_may_differ_in_size_by_what_came_before() -> None:
    seen = Counter()
    for index in range(2 * 6 * 2):
        design = BlockDesign((0,), index)
        first = design.turn(2)
        seen[first, design.turn(2 + first)] += 1
    assert {seen[0, i] for i in range(2)} == {6}
    assert {seen[1, i] for i in range(3)} == {4}


def test_shifted_pairs_have_the_marginals_of_equal_pairs() -> None:
    seconds = Counter()
    for index in range(7 * 9):
        design = BlockDesign((3,), index)
        first = design.turn(7)
        second = (first + design.shift(7)) % 7
        assert second != first
        seconds[second] += 1
    assert set(seconds.values()) == {9}


@pytest.mark.parametrize("family", CLOSED)
def test_places_of_the_answer_are_equal(family: str) -> None:
    by_size: dict[int, Counter[int]] = defaultdict(Counter)
    for item in drawn(family, 1):
        # Yes and no, numbers and clips have fixed places: there the answer itself is balanced.
        by_size[len(item.choices)][item.gold] += 1
    for size, golds in by_size.items():
        counts = [golds[i] for i in range(size)]
        assert max(counts) - min(counts) <= 4, (family, size, counts)


@pytest.mark.parametrize("family", ["presence", "same-sound", "same-word", "same-speaker"])
def test_yes_and_no_are_equal_in_number(family: str) -> None:
    assert Counter(item.answer for item in drawn(family, 1)) == {"yes": N // 2, "no": N // 2}


@pytest.mark.parametrize("family", ["same-sound", "same-word", "same-speaker"])
def test_names_come_equally_often_in_pairs_of_both_classes(family: str) -> None:
    for place in (0, 1):
        names = Counter((heard_in(i)[place], i.answer) for i in drawn(family, 1))
        for name in {name for name, _ in names}:
            yes, no = names[name, "yes"], names[name, "no"]
            # Exact to one unfinished block, but for pairs whose names clash.
            assert abs(yes - no) <= max(2, 0.12 * (yes + no)), (name, yes, no)


def heard_in(item: Item) -> list[str]:
    heard: list[str] = item.plan["values"]["heard"]
    return heard


@pytest.mark.parametrize("family", ["presence", "which-clip", "count"])
def test_the_label_asked_for_is_balanced_and_independent_of_the_answer(family: str) -> None:
    off = []
    for seed in (1, 2, 3):
        asked: Counter[tuple[int, str]] = Counter()
        right: Counter[tuple[int, str, int]] = Counter()
        for item in drawn(family, seed):
            values = item.plan["values"]
            asked[len(item.choices), values["query"]] += 1
            right[len(item.choices), values["query"], item.gold] += 1
        if family == "presence":
            assert set(asked.values()) == {N // len(POOL.sounds.names)}
        for (size, name), n in asked.items():
            p = 1 / size
            for gold in range(size):
                off.append((right[size, name, gold] - n * p) / (n * p * (1 - p)) ** 0.5)
    assert max(abs(z) for z in off) < 4.5
    assert 0.7 < float(np.mean(np.square(off))) < 1.3  # 1 if binomial


@pytest.mark.parametrize("family", ["identify", "word", "caption"])
def test_each_option_is_right_in_a_quarter_of_its_uses(family: str) -> None:
    offered, right = Counter(), Counter()
    for seed in (1, 2, 3):
        for item in drawn(family, seed):
            if len(item.choices) == 4:
                offered.update(item.plan["values"]["choices"])
                right[item.plan["values"]["answer"]] += 1
    off = [(right[name] - n / 4) / np.sqrt(n * 3 / 16) for name, n in offered.items() if n >= 40]
    assert len(off) >= 10
    assert max(abs(z) for z in off) < 4.0
    assert float(np.mean(np.square(off))) < 1.6  # about 1 if each is binomial(n, 1/4)


def test_counts_are_equal_for_each_number_of_clips() -> None:
    by_clips: dict[int, Counter[str]] = defaultdict(Counter)
    for item in drawn("count", 1):
        by_clips[len(item.clips)][item.answer] += 1
    assert set(by_clips) == {2, 3, 4}
    for n, answers in by_clips.items():
        counts = [answers[str(i)] for i in range(n + 1)]
        assert max(counts) - min(counts) <= 2


def test_orders_are_equal() -> None:
    ranks: dict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for item in draw(POOL, "train", "order", N, 1):
        heard = heard_in(item)
        ranks[len(heard)][tuple(sorted(heard).index(name) for name in heard)] += 1
    for n, orders in ranks.items():
        assert len(orders) == int(np.prod(range(1, n + 1)))
        assert max(orders.values()) - min(orders.values()) <= 4


Feature = Callable[[Item, int], Iterable[object]]

FEATURES: dict[str, Feature] = {
    "question and choice": lambda item, i: [(item.question, item.choices[i])],
    "choice": lambda item, i: [item.choices[i]],
    "place": lambda item, i: [(len(item.choices), i)],
    "words and choice": lambda item, i: [(w, item.choices[i]) for w in tokens(item.question)],
    "choice among choices": lambda item, i: [(item.choices[i], other) for other in item.choices],
    "length": lambda item, i: [
        sorted(range(len(item.choices)), key=lambda j: len(item.choices[j])).index(i)
    ],
    "overlap": lambda item, i: [len(set(tokens(item.choices[i])) & set(tokens(item.question))) > 0],
}


def accuracy(learn: Sequence[Item], ask: Sequence[Item], feature: Feature) -> tuple[float, float]:
    """Accuracy of a frequency table, less chance, and the standard error of that under chance."""
    offered: Counter[object] = Counter()
    right: Counter[object] = Counter()
    for item in learn:
        for i, choice in enumerate(item.choices):
            for key in feature(item, i):
                offered[key] += 1
                right[key] += choice == item.answer
    rng = np.random.default_rng(0)
    hits, chance, variance = 0, 0.0, 0.0
    for item in ask:
        p = 1 / len(item.choices)
        scores = [
            float(np.mean([(right[k] + 4 * p) / (offered[k] + 4) for k in feature(item, i)]))
            for i in range(len(item.choices))
        ]
        best = int(np.argmax(np.array(scores) + rng.random(len(scores)) * 1e-9))
        hits += best == item.gold
        chance += p
        variance += p * (1 - p)
    return (hits - chance) / len(ask), variance**0.5 / len(ask)


@pytest.mark.parametrize("family", CLOSED)
def test_a_table_learned_on_half_is_at_chance_on_the_other(family: str) -> None:
    items = drawn(family, 1)
    off, error = accuracy(items[: N // 2], items[N // 2 :], FEATURES["question and choice"])
    assert abs(off) < 2.576 * error


@pytest.mark.parametrize("feature", ["question and choice", "words and choice"])
@pytest.mark.parametrize("family", CLOSED)
def test_text_baselines_fitted_by_folds_are_neither_above_nor_below_chance(
    family: str, feature: str
) -> None:
    items = drawn(family, 1)
    fold = [int(item.id, 16) % 5 for item in items]
    total, variance = 0.0, 0.0
    for k in range(5):
        ask = [item for item, own in zip(items, fold, strict=True) if own == k]
        learn = [item for item, own in zip(items, fold, strict=True) if own != k]
        off, error = accuracy(learn, ask, FEATURES[feature])
        total += off * len(ask)
        variance += (error * len(ask)) ** 2
    assert abs(total) < 3.5 * variance**0.5


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("family", CLOSED)
def test_text_statistics_of_one_draw_say_nothing_of_another(family: str, feature: str) -> None:
    # 70 tests: 3.8 standard errors keep the chance of one false alarm at 1 %.
    off, error = accuracy(drawn(family, 1), drawn(family, 2), FEATURES[feature])
    assert abs(off) < 3.8 * error


@pytest.mark.parametrize(
    ("way", "feature"),
    [
        ("clause", "overlap"),
        ("named", "overlap"),
        ("ruled-out", "overlap"),
        ("absurd", "choice"),
        ("known", "words and choice"),
    ],
)
def test_the_leaky_control_reveals_its_answers(way: str, feature: str) -> None:
    learn, ask = (
        [item for item in drawn("leaky", seed) if f"leaky-{way}" in item.tags] for seed in (1, 2)
    )
    off, error = accuracy(learn, ask, FEATURES[feature])
    assert off > 0.4 > 10 * error


def test_questions_name_no_letters_and_templates_ignore_the_answer() -> None:
    for family in CLOSED:
        counts: Counter[tuple[int, int]] = Counter()
        for item in drawn(family, 1):
            assert "(A)" not in item.question
            assert not item.question.startswith(("A.", "A)"))
            counts[item.plan["template"], item.gold] += 1
        assert len({template for template, _ in counts}) >= 4


def test_names_are_read_in_the_question_as_whole_names() -> None:
    for item in drawn("presence", 1)[:50]:
        assert f'"{item.plan["values"]["query"]}"' in item.question
