"""Ids in messages: none is lost without a number."""

from __future__ import annotations

import pytest

from harken.errors import DataError
from harken.item import Item
from harken.train.check import require_clips
from harken.train.listed import listed
from harken.train.preferences import require_pairs


@pytest.mark.parametrize("most", [1, 8, 10, 16])
@pytest.mark.parametrize("over", [-1, 0, 1, 7])
def test_the_first_are_named_and_the_others_counted(most: int, over: int) -> None:
    ids = [f"i{n}" for n in range(most + over)]
    text = listed(ids, most)
    assert [name in text.split(" … ")[0].split(", ") for name in ids] == [
        n < most for n in range(len(ids))
    ]
    assert text.endswith(f" … {over} more") is (over > 0) and (" more" in text) is (over > 0)


@pytest.mark.parametrize("count", [1, 10, 11, 30])
def test_messages_of_stages_name_ten(count: int) -> None:
    items = [Item(f"Question {n}?", "a") for n in range(count)]
    for check in (require_clips, partial(require_pairs, choices=False)):
        with pytest.raises(DataError) as caught:
            check(items, "sft")
        assert listed([item.id for item in items]) in caught.value.found
