"""Letters of options go on after Z, and are read back."""

from __future__ import annotations

import pytest

from harken.letters import letter, place_of


def test_letters_go_on_after_z() -> None:
    assert [letter(n) for n in (0, 1, 25, 26, 27, 51, 52, 701, 702)] == [
        *("A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA")
    ]


def test_each_place_has_a_letter_of_its_own_that_names_it() -> None:
    names = [letter(n) for n in range(2000)]
    assert len({*names}) == 2000
    assert [place_of(name) for name in names] == [*range(2000)]


@pytest.mark.parametrize("name", ["", "a", "[", "A1", "Ä", "(A)", " A"])
def test_what_is_no_letter_has_no_place(name: str) -> None:
    assert place_of(name) == -1
