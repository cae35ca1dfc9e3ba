"""Log-probabilities that come with a reply are of its first token, and count only sometimes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harken.ask.record import ask_and_score
from harken.models.base import PromptStyle, Reply

sys.path.insert(0, str(Path(__file__).parent))
from fakes import Fake, items

FAVOURS = {  # of the options rain, dog, cat, bell
    "A": (-0.1, -3.0, -4.0, -5.0),
    "B": (-3.0, -0.1, -4.0, -5.0),
}


def asked(text, letter, letters=True):
    model = Fake(say=lambda prompt: Reply(text, logprobs=FAVOURS[letter]))
    model.style = PromptStyle(letters=letters)
    (record,) = ask_and_score(model, items(1))
    return record


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "b",
        "(B)",
        " B.",
        "**B**",
        "B. dog",
        "B) dog",
        "B: dog",
        "(B) dog",
        "B, because it barks",
    ],
)
def test_the_token_of_a_letter_counts_where_the_reply_is_the_letter(text):
    record = asked(text, "B")
    assert (record["how"], record["parsed"]) == ("logprob", "dog")
    assert record["logprobs"] == list(FAVOURS["B"])


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("A dog is heard. The answer is B.", "dog"),
        ("A dog", "dog"),
        ("A dog barks", "dog"),
        ("A cat, I think", "cat"),
        ("A is wrong, so B", "dog"),
        ("A. No, B", "dog"),
        ("At first it sounds like rain, but the answer is C", "cat"),
        ("A or B", None),
        ("A sound is heard", None),
        ("A. dog", None),
        ("<think>A</think>B", "dog"),
        ("dog", "dog"),
    ],
)
def test_the_first_token_never_overrules_the_words(text, parsed):
    record = asked(text, "A")
    assert (record["how"], record["parsed"], record["logprobs"]) == ("text", parsed, None)


def test_a_reply_that_was_sampled_against_the_odds_is_what_it_says():
    record = asked("A", "B")
    assert (record["how"], record["parsed"]) == ("text", "rain")


def test_without_letters_a_model_gives_the_probabilities_of_the_texts():
    assert asked("rain", "B", letters=False)["how"] == "logprob"
