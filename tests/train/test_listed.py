"""Names in messages: none is left out without being counted."""

from __future__ import annotations

import pytest

from harken.train.listed import items_listed, listed


@pytest.mark.parametrize("most", [1, 3, 10])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 10, 11, 40])
def test_names_shown_and_counted_are_all(count: int, most: int) -> None:
    names = [f"i{n}" for n in range(count)]
    shown, _, more = listed(names, most).partition(" … ")
    known = [name for name in shown.split(", ") if name]
    assert known == names[:most]
    assert len(known) + int(more.removesuffix(" more") or 0) == count


def test_by_hand() -> None:
    assert listed(["a", "b", "c"], 2) == "a, b … 1 more"
    assert listed(["a, b", "c"], between="; ") == "a, b; c"
    assert items_listed(["a", "b"]) == " (items a, b)" and items_listed([]) == ""
    assert items_listed(["a", "b"], 1) == " (items a … 1 more)"
