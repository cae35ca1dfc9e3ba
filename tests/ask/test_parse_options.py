"""Replies to options that look like letters, hold signs or differ by little."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from replies import REFUSED, cases, read

SOUNDS = ("dog barking", "cat meowing", "car horn", "rain")
KEYS = ("A minor", "C major", "D minor", "E minor")
CHORDS = ("C:maj", "A:min", "G:maj", "D:min")
NOTES = ("C", "D", "E", "F")
TOPICS = ("marriage,social", "pop, culture", "two,hours")
SENTENCES = (
    "Yes, it is the second sound.",
    "Yes, it is the third sound.",
    "No, it is not present.",
)
LETTERED = ("A. dog", "B. cat", "C. car", "D. rain")
BRACKETED = ("(A) dog", "(B) cat", "(C) car", "(D) rain")
NUMBERED = ("1. dog", "2. cat", "3. car")

LETTERLIKE = [
    (KEYS, 1, [
        "C major", "It is C major.", "B. C major", "B", "The answer is B", "(B) C major",
        "C major is the key",
    ]),
    (KEYS, 2, [
        "The key is D minor", "The piece is in D minor rather than A minor",
        "Not C major, D minor",
    ]),
    (KEYS, None, [
        "C. C major", "It is F minor", "minor",
    ]),
    (KEYS, 0, ["A minor"]),
    (KEYS, 0, ["The answer is A minor."]),
    (KEYS, 3, ["Answer: E minor"]),
    (KEYS, 3, ["E minor, because it is sad"]),
    (CHORDS, 3, ["D:min"]),
    (CHORDS, 0, ["C:maj"]),
    (CHORDS, 0, ["The answer is A: C:maj"]),
    (CHORDS, 1, ["A:min is the chord"]),
    (CHORDS, 1, ["Answer: A:min"]),
    (CHORDS, 2, ["The chord is G:maj."]),
    (CHORDS, 2, ["C: G:maj"]),
    (("a dog", "a cat", "b flat"), 0, ["a dog"]),
    (("a dog", "a cat", "B flat"), 2, ["B flat"]),
    (("a dog", "a cat", "b flat"), 1, ["I think a cat"]),
    (NOTES, 0, ["C"]),
    (NOTES, 1, ["The answer is D."]),
    (NOTES, 2, ["It is E"]),
    (("A-side", "B-side"), 0, ["A-side"]),
    (("A-side", "B-side"), 1, ["The B-side"]),
    (("Vitamin A", "Vitamin B", "Vitamin C"), 2, ["Vitamin C"]),
    (("Vitamin A", "Vitamin B", "Vitamin C"), 1, ["It is vitamin B."]),
    (("A4", "C4", "E4"), 1, ["C4"]),
    (("A4", "C4", "E4"), 2, ["The note is E4."]),
    (("A4", "C4", "E4"), None, ["E"]),
    (("hat", "T-shirt"), 1, ["T-shirt"]),
    (("singer", "D.J.", "A.I."), 1, ["D.J."]),
    (("I am happy", "I am sad"), 0, ["I am happy"]),
    (("I am happy", "I am sad"), 1, ["The speaker says I am sad"]),
    (("C major", "D major"), None, ["C minor"]),
    (("Speaker A", "Speaker B"), 0, ["A"]),
    (("Speaker A", "Speaker B"), 0, ["It is speaker A."]),
    (("Speaker A", "Speaker B"), 1, ["Speaker B"]),
    (("Speaker B", "Speaker A"), 1, ["Speaker A"]),
]  # fmt: skip

PUNCT = [
    (SOUNDS, None, [
        "I see a dog. Barking or not?", "It is a cat, meowing may be something else",
    ]),
    (TOPICS, 1, ["I hear pop culture in the clip."]),
    (TOPICS, 1, ["pop, culture"]),
    (TOPICS, 2, ["two,hours"]),
    (TOPICS, 0, ["The topic is marriage, social."]),
    (("Mark Twain", "F. Scott Fitzgerald"), 0, ["Mark Twain and others"]),
    (("Mark Twain", "F. Scott Fitzgerald"), 1, ["The answer is F. Scott Fitzgerald."]),
    (SENTENCES, 2, ["No, it is not present."]),
    (SENTENCES, 2, ["I think: No, it is not present."]),
    (SENTENCES, 0, ["The answer is Yes, it is the second sound."]),
    (("Mrs. Smith", "Mr. Smith, Jr."), 1, ["Mr. Smith, Jr. speaks"]),
    (("3:15 p.m.", "3:50 p.m."), 0, ["It is 3:15 p.m."]),
    (("Goodbye.", "Hello! How are you?"), 1, ["They say Hello! How are you? in it"]),
    (("AC/DC", "R&B"), 0, ["AC/DC"]),
    (("AC/DC", "R&B"), 1, ["R&B music"]),
    (("rock 'n' roll", "jazz"), 0, ["It is rock 'n' roll."]),
    (("(cat) meow", "bark"), 0, ["(cat) meow"]),
    (("dog; then cat", "cat; then dog"), 0, ["dog; then cat"]),
    (("dog, cat, rain", "cat, dog, rain"), 0, ["I hear dog, cat, rain."]),
    (("First a cat, then a dog", "First a dog, then a cat"), 1, ["first a dog, then a cat"]),
    (("What time is it?", "Where is it?"), 0, ["\"What time is it?\""]),
    (("What time is it?", "Where is it?"), 1, ["The man asks where is it?"]),
    (("e.g. this", "i.e. that"), 0, ["e.g. this"]),
    (("U.S.A.", "U.K."), 0, ["U.S.A."]),
    (("C", "C++"), 1, ["C++"]),
]  # fmt: skip

NUMSIGN = [
    (("B major", "Bb major", "F major", "F# major"), 1, ["B flat major"]),
    (("B major", "Bb major", "F major", "F# major"), 1, ["B-flat major"]),
    (("B major", "Bb major", "F major", "F# major"), 1, ["It is B♭ major."]),
    (("B major", "Bb major", "F major", "F# major"), 3, ["F♯ major"]),
    (("B major", "Bb major", "F major", "F# major"), 3, ["F sharp major"]),
    (("B major", "Bb major", "F major", "F# major"), 0, ["It is B major."]),
    (("B major", "C major", "F major", "F# major"), None, ["Bb"]),
    (("A", "Ab", "A#", "E"), 1, ["A♭"]),
    (("-3 dB", "3 dB"), 0, ["−3 dB"]),
    (("-3 dB", "3 dB"), 0, ["negative 3 dB"]),
    (("-3 dB", "3 dB"), 0, ["-3dB"]),
    (("-3 dB", "3 dB"), 0, ["It is minus three dB"]),
    (("-3 dB", "3 dB"), 0, ["It is -3 dB."]),
    (("-3 dB", "3 dB"), 1, ["3 dB"]),
    (("-3 dB", "3 dB"), 1, ["+3 dB"]),
    (("0.5", "5", "50", "0.05"), 0, ["0.50"]),
    (("0.5", "5", "50", "0.05"), 0, ["0,5"]),
    (("0.5", "5", "50", "0.05"), 3, ["It is .05."]),
    (("1,000 Hz", "2,000 Hz"), 0, ["1000 Hz"]),
    (("1000 Hz", "100 Hz"), 0, ["1,000 Hz"]),
    (("1000 Hz", "100 Hz"), 0, ["1 000 Hz"]),
    (("1000 Hz", "2000 Hz"), None, ["1.000 Hz"]),
    (("1000 Hz", "1 Hz"), None, ["1.000 Hz"]),
    (("3 Hz", "3 kHz"), 1, ["3kHz"]),
    (("3 Hz", "3 kHz"), 1, ["3 kHz"]),
    (("3 Hz", "3 kHz"), 0, ["It is 3 Hz."]),
    (("50", "50%"), 1, ["50%"]),
    (("50", "50%"), 0, ["50"]),
    (("50%", "20%"), 0, ["50 percent"]),
    (("50%", "20%"), 0, ["50"]),
    (("<5", ">5"), 0, ["<5"]),
    (("<5", ">5"), 0, ["less than 5"]),
    (("<5", ">5"), 1, ["> 5"]),
    (("2", "3", "4"), 1, ["3.0"]),
    (("2", "3", "4"), None, ["3.5"]),
    (("5 mW", "5 MW"), 1, ["5 MW"]),
    (("5 mW", "5 MW"), 0, ["It is 5 mW."]),
    (("3", "5"), None, ["minus 3"]),
    (("1,000", "10,000", "100,000"), 1, ["10,000"]),
    (("1970s", "1980s"), 1, ["1980s"]),
    (("198", "0"), None, ["1980"]),
]  # fmt: skip

CASE = [
    (("Cat", "dog", "cat", "rain"), 0, ["Cat"]),
    (("Cat", "dog", "cat", "rain"), 0, ["I hear Cat."]),
    (("Cat", "dog", "cat", "rain"), None, ["CAT"]),
    (("Cat", "dog", "cat", "rain"), 1, ["dog"]),
    (("US", "us"), 1, ["us"]),
    (("US", "us"), 0, ["It is US."]),
    (("polish", "Polish"), 0, ["polish"]),
    (("polish", "Polish"), 1, ["It is Polish."]),
    (("twenty-one", "said", "a"), 0, ["A"]),
    (("twenty-one", "said", "a"), 2, ["a"]),
    (("C", "D", "G", "A"), 3, ["A"]),
]  # fmt: skip

LETTERED = [
    (LETTERED, 1, [
        "B", "B. cat", "The answer is B.", "I hear a cat.",
    ]),
    (BRACKETED, 1, [
        "(B)", "(B) cat", "(B) cat.",
    ]),
    (LETTERED, None, [
        "A. cat", "not cat", "dog or cat",
    ]),
    (LETTERED, 3, ["It is rain"]),
    (BRACKETED, 2, ["I think it is the car"]),
    (NUMBERED, 1, ["2"]),
    (NUMBERED, 1, ["2. cat"]),
    (NUMBERED, 2, ["It's a car"]),
    (("B. cat", "A. dog"), 1, ["A. dog"]),
    (("A) dog", "B) cat"), 0, ["A) dog"]),
    (("A: dog", "B: cat"), 1, ["Answer: cat"]),
    (("a. dog", "b. cat"), 1, ["B"]),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "choice", "text"), cases(LETTERLIKE))
def test_options_like_letters(choices, choice, text):
    """An option that begins with a letter, or is one, is a text before it is that letter."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(PUNCT))
def test_options_with_punctuation(choices, choice, text):
    """An option is found as written, whatever punctuation it holds."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(NUMSIGN))
def test_numbers_and_signs(choices, choice, text):
    """Signs, accidentals, units and separators tell options apart."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(CASE))
def test_options_by_case(choices, choice, text):
    """Options that differ by case alone are told apart as written."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(LETTERED))
def test_options_with_letters_of_their_own(choices, choice, text):
    """Options that carry letters of their own are named with and without them."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *[(t, None) for t in (
            "Yes or no?", "no or yes", "either yes or no", "It could be yes or no",
            "The answer is yes or no", "It is yes/no", "Not sure? Yes or no", '"Yes" or "No"',
        )],
        ("Yes or no? Yes.", "Yes"), ("Is it yes or no? No.", "No"), ("Yes/No: Yes", "Yes"),
        ("This is a yes or no question: no", "No"), ("The answer, yes or no, is yes", "Yes"),
    ],
)  # fmt: skip
def test_both_of_yes_and_no_are_neither(text: str, said: str | None) -> None:
    for choices in (("Yes", "No"), ("No", "Yes")):
        found = read(text, choices)
        assert (None if found in (None, REFUSED) else choices[found]) == said
