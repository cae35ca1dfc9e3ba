"""Where a reply takes back what it said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from replies import read

from harken.ask.corrections import contrast, segments

SOUNDS = ("dog barking", "cat meowing", "car horn", "rain")


@pytest.mark.parametrize("turns", [1, 5, 30])
def test_the_last_of_many_corrections_counts(turns: int) -> None:
    assert (
        read("It is A" + ". Wait, it is B. Wait, it is A" * turns + ". Wait, it is C", SOUNDS) == 2
    )


def test_correcting_words_within_an_option_correct_nothing() -> None:
    low = "they say: go, wait for me, and more"
    at = low.index("go"), low.index(", and")
    assert segments(low, low, False, [at]) == [("", low)]
    assert len(segments(low, low, False)) == 2


def test_a_mere_no_is_an_answer_where_no_is_an_option() -> None:
    assert segments("yes, no, b", "yes, no, b", True) == [("", "yes, no, b")]
    assert [text.strip() for _, text in segments("a, no, b", "a, no, b", False)] == ["a,", "b"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("it might be a, but it is b", ("it might be a, ", " it is b")),
        ("it is a, but it is b", ("", "")),  # no mere possibility
        ("it might be a, but it is b, but not c", ("", "")),  # which of them?
        ("it might be a", ("", "")),
    ],
)
def test_a_possibility_stands_before_one_but(text: str, parts: tuple[str, str]) -> None:
    assert contrast(text, text) == parts
