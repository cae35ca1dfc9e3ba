"""Turns are read from text, and two sets of turns are compared by hand."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.ask.speaker_turns import SpeakerTurn, cp_errors, diarization, turns_in, written
from harken.ask.word_errors import edits


def turn(speaker: str, words: str, *span: float) -> SpeakerTurn:
    return SpeakerTurn(speaker, words, (span[0], span[1]) if span else None)


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("speaker 1: hello there\nspeaker 2: hi", [("1", "hello there"), ("2", "hi")]),
        ("Speaker A: yes. Speaker B: no.", [("a", "yes."), ("b", "no.")]),
        ("SPK_3 [0.5-1.5]: well", [("3", "well")]),
        ("the speaker says: nothing", [("says", "nothing")]),
        ("nobody speaks", []),
        ("", []),
    ],
)
def test_turns_are_read(text: str, turns: list[tuple[str, str]]) -> None:
    assert [(one.speaker, one.words) for one in turns_in(text)] == turns


def test_times_are_read_and_written() -> None:
    turns = [turn("1", "hello", 0.0, 1.5), turn("2", "hi there", 1.25, 2.0), turn("1", "so")]
    assert turns_in(written(turns)) == turns
    assert turns_in("speaker 1 (<|0.50|> to <|1.00|>): a")[0].span == (0.5, 1.0)


def test_speakers_are_matched_for_the_fewest_errors() -> None:
    gold = [turn("a", "one two"), turn("b", "three"), turn("a", "four")]
    assert cp_errors(gold, [turn("x", "three"), turn("y", "one two four")]) == (0, 4)
    assert cp_errors(gold, [turn("x", "one two three four")]) == (
        2,
        4,
    )  # b is deleted, one inserted
    assert cp_errors(gold, []) == (4, 4)
    more = [turn("x", "one two four"), turn("y", "three"), turn("z", "five six")]
    assert cp_errors(gold, more) == (2, 4)
    assert cp_errors([], [turn("x", "one")]) == (1, 0)


texts = st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=3)


@given(texts, texts)
def test_the_matching_is_the_best_of_all_permutations(
    gold: list[list[str]], said: list[list[str]]
) -> None:
    size = max(len(gold), len(said))
    true, own = gold + [[]] * (size - len(gold)), said + [[]] * (size - len(said))
    best = min(
        sum(sum(edits(a, b)) for a, b in zip(true, order, strict=True))
        for order in permutations(own)
    )
    turns = [[turn(str(i), " ".join(words)) for i, words in enumerate(one)] for one in (gold, said)]
    assert cp_errors(*turns) == (best, sum(map(len, gold)))


def test_diarization_by_hand() -> None:
    gold = [turn("a", "", 0, 4), turn("b", "", 4, 6)]
    same = diarization(gold, [turn("y", "", 4, 6), turn("x", "", 0, 4)])
    assert (same.rate, same.total) == (0.0, 6.0)
    late = diarization(gold, [turn("x", "", 0, 5), turn("y", "", 5, 7)])
    assert (late.missed, late.false_alarm, late.confused) == (0.0, 1.0, 1.0)
    assert late.rate == pytest.approx(2 / 6)
    # Within 0.25 s of a true edge nothing counts: 3.5 + 1.5 s are left, 0.75 confused, 0.75 false.
    collar = diarization(gold, [turn("x", "", 0, 5), turn("y", "", 5, 7)], 0.25)
    assert (collar.total, collar.confused, collar.false_alarm) == pytest.approx((5.0, 0.75, 0.75))
    assert diarization(gold, []).rate == 1.0
    assert diarization([], [turn("x", "", 0, 1)]).rate is None


def test_overlap_counts_for_each_who_speaks() -> None:
    gold = [turn("a", "", 0, 2), turn("b", "", 1, 3)]
    one = diarization(gold, [turn("x", "", 0, 3)])
    assert (one.missed, one.false_alarm, one.confused, one.total) == (1.0, 0.0, 1.0, 4.0)
    both = diarization(gold, [turn("x", "", 0, 2), turn("y", "", 1, 3)])
    assert both.rate == 0.0
