"""Captions, retrieval, recognition and times: metrics by hand, and properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.ask.time_spans import iou, segments
from harken.ask.word_errors import edits, normalise
from harken.evaluate.benchmarks import caption_metrics as m
from harken.evaluate.benchmarks.grounding import onsets_met
from harken.evaluate.benchmarks.retrieval import precision_at

TOKENS = st.lists(st.sampled_from("abc"), max_size=6)


def test_bleu_by_hand() -> None:
    # 3 of 3 words, 1 of 2 pairs; as long as the reference: no penalty
    found = m.bleu([["a", "b", "x"]], [[["x", "a", "b"]]])
    assert found[0] == pytest.approx(1.0)
    assert found[1] == pytest.approx(math.sqrt(1 * 0.5))
    # Nothing in common: the tools' constants, 1e-15 of one 3-gram and 1e-15 / 1e-9 of no 4-gram.
    assert found[2] == pytest.approx((0.5e-15) ** (1 / 3), rel=1e-6)
    assert found[3] == pytest.approx((0.5e-21) ** (1 / 4), rel=1e-6)
    short = m.bleu([["a"]], [[["a", "b"]]])
    assert short[0] == pytest.approx(math.exp(1 - 2))
    assert m.bleu([[]], [[["a"]]]) == [0, 0, 0, 0]


def test_rouge_l_by_hand() -> None:
    # common "a c": precision 2/2, recall 2/3; F with beta 1.2
    assert m.rouge_l(["a", "c"], [["a", "b", "c"]]) == pytest.approx(
        2.44 * 1 * (2 / 3) / (2 / 3 + 1.44)
    )
    assert m.rouge_l([], [["a"]]) == 0 == m.rouge_l(["x"], [["a"]])


def test_cider_d_of_two_clips_by_hand() -> None:
    # Two clips, nothing shared: every run of words has idf log 2, so all vectors are alike.
    refs = [[["dog", "barks"]], [["rain", "falls"]]]
    found = m.cider_d([["dog", "barks"], ["dog", "barks"]], refs)
    assert found[0] == pytest.approx(10 * 2 / 4)  # 1- and 2-grams match, there are no longer ones
    assert found[1] == 0
    longer = m.cider_d([["dog", "barks", "x"], []], refs)
    # the penalty of one word too many and, at n = 1, 2 of 3 words in the norm
    gauss = math.exp(-1 / 72)
    assert longer[0] == pytest.approx(10 * gauss * (2 / math.sqrt(6) + 1 / math.sqrt(2)) / 4)


def test_words_in_every_reference_weigh_nothing() -> None:
    refs = [[["a", "dog"]], [["a", "cat"]]]
    assert m.cider_d([["a"], ["a"]], refs) == [0, 0]


@given(TOKENS, TOKENS)
def test_edits_are_minimal(gold: list[str], predicted: list[str]) -> None:
    wrong, gone, more = edits(gold, predicted)
    assert len(gold) - gone + more == len(predicted)
    assert wrong + gone + more == _distance(tuple(gold), tuple(predicted))
    assert edits(gold, gold) == (0, 0, 0)


def _distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        _distance(a[1:], b[1:]) + (a[0] != b[0]), _distance(a[1:], b) + 1, _distance(a, b[1:]) + 1
    )


def test_word_error_rate_is_that_of_jiwer() -> None:
    jiwer = pytest.importorskip("jiwer")
    gold = ["a b c d", "e f", "g"]
    predicted = ["a x c", "e f h i", ""]
    ours = sum(sum(edits(g.split(), s.split())) for g, s in zip(gold, predicted, strict=True)) / 7
    assert ours == pytest.approx(jiwer.wer(gold, predicted))


def test_normalising_keeps_apostrophes_and_other_scripts() -> None:
    assert normalise("It’s  Ten, METRES — über!") == "it's ten metres über"


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("from 1.5s to 3 s", [(1.5, 3.0)]),
        ("3-5 seconds and then 7 to 9", [(3, 5), (7, 9)]),
        ("0:30 to 1:05", [(30, 65)]),
        ("between 2 and 4 seconds", [(2, 4)]),
        ("[2.0, 4.5]", [(2, 4.5)]),
        ("from <|1.50|> to <|3.00|>", [(1.5, 3.0)]),
        ("<|0.10|>-<|2.00|> and<|3.00|>to<|4.20|>", [(0.1, 2.0), (3.0, 4.2)]),
        ("5 to 3", []),
        ("at the end", []),
        ("", []),
    ],
)
def test_times_in_words(text: str, spans: list[tuple[float, float]]) -> None:
    assert segments(text) == spans


Spans = list[tuple[float, float]]
SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 5)).map(lambda p: (float(p[0]), float(sum(p)))),
    max_size=4,
)


@given(SPANS, SPANS)
def test_iou_is_that_of_the_unions(a: Spans, b: Spans) -> None:
    cells = [{k for s, e in spans for k in range(int(s), int(e))} for spans in (a, b)]
    whole = cells[0] | cells[1]
    wanted = len(cells[0] & cells[1]) / len(whole) if whole else 0.0
    assert iou(a, b) == pytest.approx(wanted) == iou(b, a)
    assert onsets_met(sorted(a), sorted(b)) <= min(len(a), len(b))
    assert onsets_met(sorted(a), sorted(a)) == len(a)


def test_precision_at_ten() -> None:
    ten = [f"f{n}" for n in range(12)]
    assert precision_at(ten, ["f0"]) == 1 and precision_at(ten, ["f9"]) == pytest.approx(0.1)
    assert precision_at(ten, ["f10"]) == 0 == precision_at([], ["f0"])
    assert precision_at(["f0", "f0"], ["f0"]) == 1
