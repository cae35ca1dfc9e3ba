"""What a name of an option means: its own label, the letter shown, its text."""

from __future__ import annotations

import pytest

from harken.ask.options import Options


@pytest.mark.parametrize(
    ("texts", "letters", "name", "position"),
    [
        (("dog", "cat"), True, "A", 0),
        (("dog", "cat"), True, "b", 1),
        (("dog", "cat"), True, "C", None),
        (("dog", "cat"), False, "A", None),  # no letters were shown
        (("A. dog", "B. cat"), True, "B", 1),
        (("B. cat", "A. dog"), False, "A", 1),  # its own label
        (("B. cat", "A. dog"), True, "A", None),  # shown letter and own label differ
    ],
)
def test_a_label_that_names_two_options_names_none(
    texts: tuple[str, ...], letters: bool, name: str, position: int | None
) -> None:
    assert Options(texts, letters).label(name) == position


@pytest.mark.parametrize(
    ("texts", "counts"),
    [
        (("A minor", "C major"), True),
        (("speaker A", "speaker B"), True),
        (("A dog", "A cat"), False),
        (("a dog", "C major"), False),
        (("A:min", "the bell"), True),
    ],
)
def test_the_letter_a_counts_beside_other_letters(texts: tuple[str, ...], counts: bool) -> None:
    assert ("a" not in Options(texts, True).articles) is counts
