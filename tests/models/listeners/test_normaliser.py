"""Whisper's normaliser of English: the same words, however they are written."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

from harken.models.listeners.normaliser import whisper_english

SAME = [
    ("twenty seven dogs", "27 dogs"),
    ("It's five dollars.", "it is $5"),
    ("Doctor Smith, um, won't go", "dr. smith will not go"),
    ("one thousand and two", "1002"),
    ("a dog [noise] (laughs) barks!", "A dog barks"),
    ("naïve café", "naive cafe"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_words(one: str, other: str) -> None:
    found = whisper_english()
    assert found is not None
    name, normalise = found
    assert "Whisper's, English" in name
    assert normalise(one) == normalise(other) != ""


@pytest.mark.parametrize(("one", "other"), [("a dog", "a cat"), ("27", "72"), ("can", "can't")])
def test_other_words_stay_others(one: str, other: str) -> None:
    found = whisper_english()
    assert found is not None and found[1](one) != found[1](other)
