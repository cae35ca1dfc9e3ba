"""Options in the text of a question: recognised only where nothing is left to guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.letters import letter
from harken.shards.formats.choices import Recognised, options_in

FORMS = [
    "Which sound is it?\nA. dog\nB. cat\nC. rain",
    "Which sound is it?\n(A) dog\n(B) cat\n(C) rain\n",
    "Which sound is it?\n\nA) dog\n\nB) cat\n\nC) rain",
    "Which sound is it? (A) dog (B) cat (C) rain",
    "Which sound is it? A. dog B. cat C. rain",
    "Which sound is it? ['dog', 'cat', 'rain']",
    'Which sound is it? ["dog", "cat", "rain"].',
]


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("answer", ["B", "(B)", "B.", "cat", "Cat.", "B. cat", "(B) cat"])
def test_each_form_with_each_form_of_answer(text: str, answer: str) -> None:
    found = options_in(text, answer)
    assert found == Recognised("Which sound is it?", ("dog", "cat", "rain"), "cat")


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("Which?\nA. dog\nB. cat\nAnswer with the letter.", "B", "follows"),
        ("Which? (A) dog (B) cat. Answer with the letter.", "B", "follows"),
        ("Which?\nB. dog\nC. cat", "B", "begin with A"),
        ("Which?\nA. dog\nC. cat", "C", "one after the other"),
        ("Which?\nA. dog\nor\nB. cat", "B", "one after the other"),
        ("Which?\nA. dog\nB. Dog", "B", "alike"),
        ("Which?\nA. dog\nB. cat", "C", "not exactly one"),
        ("Which?\nA. dog\nB. cat", "It is a cat, I think", "not exactly one"),
        ("Which?\nA. dog\nB. cat", "A. cat", "not exactly one"),
        ("Which?\nA. B\nB. A", "A", "not exactly one"),
        ("Which? ['dog', 'cat']", "<answer>cat</answer>", "not exactly one"),
        ("Which? ['dog']", "dog", "one option only"),
        ("A. dog\nB. cat", "A", "no question"),
    ],
)
def test_what_is_ambiguous_is_told_and_not_guessed(text: str, answer: str, why: str) -> None:
    found = options_in(text, answer)
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    "text",
    [
        "What did A. say?",
        "Plan B. is best",
        "Is vitamin C) good?",
        "List [1, 2, 3]",
        "What is heard?",
        "Name it [softly]",
    ],
)
def test_a_question_without_options_has_none(text: str) -> None:
    assert options_in(text, "A") is None


words = st.text("abcdefgh ", min_size=2, max_size=8).map(str.strip).filter(lambda w: len(w) > 1)


@given(st.lists(words, min_size=2, max_size=5, unique=True), st.data())
def test_options_written_on_lines_come_back(options: list[str], data: st.DataObject) -> None:
    gold = data.draw(st.integers(0, len(options) - 1))
    text = "Q?\n" + "\n".join(f"{chr(65 + i)}. {one}" for i, one in enumerate(options))
    plain = {" ".join(one.split()) for one in options}
    if len(plain) == len(options):
        found = options_in(text, chr(65 + gold))
        assert found == Recognised("Q?", tuple(options), options[gold])


@pytest.mark.parametrize("count", [26, 27, 30, 60])
@pytest.mark.parametrize("form", ["({}) {}", "{}", "{1}"])
def test_more_options_than_letters_of_the_alphabet(count: int, form: str) -> None:
    options = tuple(f"sound {n}" for n in range(count))
    text = "Q?\n" + "\n".join(f"({letter(i)}) {one}" for i, one in enumerate(options))
    for gold in (0, 25, count - 1):
        answer = form.format(letter(gold), options[gold])
        assert options_in(text, answer) == Recognised("Q?", options, options[gold])


@pytest.mark.parametrize("text", ["TV: on\nPC: off", "NB: one.\nOK. Two."])
def test_words_in_capitals_are_no_letters_of_options(text: str) -> None:
    assert options_in(text, "on") is None
    found = options_in(f"{text}\n(A) NO\n(B) YES", "NO")
    assert found == Recognised(text, ("NO", "YES"), "NO")


def test_a_question_keeps_the_separators_that_end_no_line() -> None:
    found = options_in("One\u2028two\x85three?\r\n\n(A) a\u2028b\r\n(B) c", "B")
    assert found == Recognised("One\u2028two\x85three?", ("a\u2028b", "c"), "c")


@pytest.mark.parametrize("worse", ["C", "(C)", "rain", "Rain.", "(C) rain", "C. rain"])
def test_the_rejected_answer_is_an_option_too(worse: str) -> None:
    found = options_in(FORMS[0], "B", worse)
    assert found == Recognised("Which sound is it?", ("dog", "cat", "rain"), "cat", "rain")


def test_a_rejected_answer_that_names_no_option_is_a_text_of_its_own() -> None:
    found = options_in(FORMS[0], "B", "I cannot tell")
    assert isinstance(found, Recognised)
    assert found.rejected == "I cannot tell" and found.answer == "cat"


@pytest.mark.parametrize(
    ("worse", "why"),
    [
        ("D", "rejected answer is not exactly one"),
        ("(C) dog", "rejected answer is not exactly one"),
        ("(B) cat", "names the right option"),
        ("Cat", "names the right option"),
    ],
)
def test_a_rejected_answer_that_is_ambiguous_is_told(worse: str, why: str) -> None:
    found = options_in(FORMS[0], "B", worse)
    assert isinstance(found, str) and why in found
