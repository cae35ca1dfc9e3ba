"""Words in common: what is a match, what is a template."""

from __future__ import annotations

from harken.leaks.text import Questions, normalised

LONG = [f"w{n}" for n in range(30)]


def text(*words: str) -> tuple[str, ...]:
    return tuple(words)


def index(*texts: tuple[str, ...]) -> Questions:
    return Questions(texts)


def test_case_and_order_of_choices_are_normalised_away() -> None:
    one = normalised("Which SOUND is heard?", ("Dog bark", "a bell"))
    assert one == normalised("which sound is heard", ("a bell", "dog bark!"))
    assert one == ("which", "sound", "is", "heard", "a", "bell", "dog", "bark")


def test_a_run_of_thirteen_words() -> None:
    own = index(text(*LONG))
    (thirteen,) = own.find(text("x", *LONG[5:18], "y"))
    assert thirteen.run == 13 and not thirteen.same and thirteen.share == 6 / 23
    assert own.find(text("x", *LONG[5:17], "y")) == [], "twelve are too few"
    assert own.find(text(*LONG[5:13], "y", *LONG[15:23])) == [], "two runs of eight are not one"


def test_seven_tenths_of_the_grams() -> None:
    own = index(text(*LONG[:17]))  # ten grams of eight
    assert own.find(text(*LONG[:12], "x")) == [], "five of ten, twelve in a row"
    short = index(text(*LONG[:10]))  # three grams; runs stay below thirteen
    assert [o.share for o in short.find(text(*LONG[:10], "x"))] == [1.0]
    assert short.find(text(*LONG[:9], "x")) == [], "two of three"


def test_short_questions_must_be_the_same() -> None:
    own = index(text("is", "there", "a", "dog"), text("yes", "or", "no"))
    (same,) = own.find(text("is", "there", "a", "dog"))
    assert same.same and same.share == 1.0
    assert own.find(text("is", "there", "a", "cat")) == []
    assert own.find(text("yes", "or", "no")) == [] and own.generic == 1


def test_text_of_many_questions_is_a_template() -> None:
    head = LONG[:14]
    many = [text(*head, f"v{n}", *[f"u{n}{k}" for k in range(8)]) for n in range(5)]
    own = index(*many)
    assert own.find(text(*head, "z")) == [], "fourteen words, of all of them"
    assert [o.number for o in own.find(many[3])] == [3], "but its own words are its own"
    same = index(*[text("what", "is", "heard", "here")] * 5)
    assert same.find(text("what", "is", "heard", "here")) == [] and same.generic == 5
