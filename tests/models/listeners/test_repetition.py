"""Loops in transcripts are noticed, and speech that repeats itself a little is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.models.listeners.repetition import COVERED, REPEATS, repetition

LOOPS = [
    "Thank you. " * 40,
    "so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so",
    "It began well, and then he said, " + "I'm going to go to the store. " * 12,
    "謝謝大家" * 20,
    "a" * 80,
    "The the the THE, the - the. " * 6,
    "And so it goes on for a long while, as all of us know. " * 5 + "The end.",
    "ご視聴ありがとうございました。" * 9,
    "ha! " * 60,
]
SPEECH = [
    "",
    "No.",
    "No, no, no, no, no! I said no.",
    "Ha ha ha ha ha, that is very funny indeed.",
    "And so, my fellow Americans, ask not what your country can do for you, ask what you can do.",
    "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily.",
    "one two three four five six seven eight nine ten one two three four five six seven eight nine",
    "0.3333333333333333 and 100000000000000",
    "to be or not to be, to be or not to be, to be or not to be",
]


@pytest.mark.parametrize("text", LOOPS)
def test_a_loop_is_told(text: str) -> None:
    found = repetition(text)
    assert found is not None and found.startswith("repeats ") and found.endswith(" times")


@pytest.mark.parametrize("text", SPEECH)
def test_speech_is_no_loop(text: str) -> None:
    assert repetition(text) is None


def test_the_shortest_phrase_and_its_number_are_told() -> None:
    assert repetition("Well, " + "thank you! " * 31) == "repeats 'thankyou' 31 times"


@given(st.text("abcdefgh", min_size=1, max_size=30), st.integers(1, 40))
def test_only_what_follows_itself_often_and_long_enough_counts(phrase: str, times: int) -> None:
    looped = times >= REPEATS and times * len(phrase) >= COVERED
    found = repetition(phrase * times)
    assert found is not None if looped else True
    if times * len(phrase) < COVERED:
        assert found is None


def test_signs_of_vowels_are_letters() -> None:
    assert repetition("कि " * 31) == "repeats 'कि' 31 times"
    assert repetition(" ".join("क" + chr(0x93E + n) for n in range(10)) * 4) is None
