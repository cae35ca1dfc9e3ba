"""How far a denial reaches."""

from __future__ import annotations

import pytest

from harken.ask.negation import MENTION, denied_after, denied_before


@pytest.mark.parametrize("words", range(9))
def test_a_denial_reaches_over_five_other_words(words: int) -> None:
    between = " ".join(["loud", "green", "old", "wet", "big", "far", "hot", "thin"][:words])
    assert denied_before(f"there is no {between} ") is (words <= 5)


@pytest.mark.parametrize("light", ["the ", "a ", f"{MENTION} or ", "any of the "])
def test_articles_and_other_mentions_do_not_count_for_its_length(light: str) -> None:
    assert denied_before(f"no {light}loud green old wet big ")


def test_words_that_begin_another_statement_end_it() -> None:
    assert not denied_before("no wind but a ")


@pytest.mark.parametrize(
    ("after", "bounded", "denied"),
    [
        (" is wrong", False, True),
        (" is wrong", True, True),
        (" no", False, True),
        (" no", True, False),  # "dog, no cat": of the next one
        (" is right", False, False),
    ],
)
def test_a_denial_before_the_next_mention_belongs_to_it(
    after: str, bounded: bool, denied: bool
) -> None:
    assert denied_after(after, bounded=bounded) is denied
