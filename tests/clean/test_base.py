"""Which copy stays, and filters by name with their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harken.clean.base import HygieneFilter, Judgement, copies, each, precedence
from harken.clean.load import FILTERS, filters_of
from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.item import Drop, Item


def item(number: int, split: str = "train") -> Item:
    return Item(question=f"What is {number}?", answer="b", choices=("a", "b"), split=split)


def test_the_test_split_comes_first_then_the_id() -> None:
    items = [item(n, split) for n, split in enumerate(["train", "", "test", "dev", "train"])]
    order = precedence(items)
    assert [items[n].split for n in order] == ["test", "dev", "train", "train", ""]
    train = [items[n].id for n in order[2:4]]
    assert train == sorted(train)


def test_what_stays_does_not_depend_on_the_order() -> None:
    items = [item(n) for n in range(12)]
    key = {one.id: n % 3 for n, one in enumerate(items)}
    kept = []
    for order in (items, items[::-1], items[5:] + items[:5]):
        found = copies(order, lambda place, order=order: [key[order[place].id]])
        kept.append({one.id for place, one in enumerate(order) if place not in found})
        assert len(found) == 9
        assert all(key[order[a].id] == key[order[b].id] == k for a, (b, k) in found.items())
        assert all(b not in found for b, _ in found.values())
    assert kept[0] == kept[1] == kept[2]


def test_a_chain_keeps_its_ends() -> None:
    """a is like b, b is like c: where a stays, b goes and c stays, since it is not like a."""
    items = sorted((item(n) for n in range(3)), key=lambda one: one.id)
    assert copies(items, lambda n: [(n, n), (n - 1, n), (n, n + 1)]) == {1: (0, (0, 1))}


def test_an_item_claims_other_keys_than_it_looks_up() -> None:
    items = sorted((item(n) for n in range(2)), key=lambda one: one.id)
    assert copies(items, lambda n: ["x"], lambda n: ["y"]) == {}
    assert copies(items, lambda n: ["x"], lambda n: ["x"]) == {1: (0, "x")}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("exakt", "Did you mean exact"),
        ("acoustic?txt=any", "Did you mean text"),
        ("minhash?similarity=high", "not a valid float"),
        ("exact?by=name", "no setting 'by'"),
        ("position?mend=maybe", "not a valid bool"),
    ],
)
def test_wrong_names_and_settings_are_told(spec: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        filters_of([spec], Workspace())
    assert told in str(caught.value)


def test_settings_are_read_and_the_default_filters_need_none() -> None:
    (step,) = filters_of(["length?min_s=0.5&max_words=7"], Workspace())
    assert step.settings.min_s == 0.5 and step.settings.max_words == 7
    assert step.spec["settings"]["min_s"] == 0.5
    names = [one.name for one in filters_of([], Workspace())]
    assert names == [one.name for one in FILTERS.members() if one.default]
    assert {"exact", "acoustic", "minhash"} <= {*names} and "leak" not in names
    more = filters_of(["readable", "default", "length"], Workspace())
    assert [one.name for one in more] == ["readable", *names, "length"]


def test_a_filter_from_outside_is_found_and_changes_items() -> None:
    @dataclass(frozen=True)
    class Letters:
        least: int = 1

    def judge(items: Sequence[Item], settings: Any, workspace: Workspace) -> Judgement:
        found = Judgement(told={"read": len(items)})
        for place, one in enumerate(items):
            if len(one.answer) < settings.least:
                found.drop(place, one, "a short answer", one.answer)
            else:
                found.verdicts[place] = replace(one, tags=("long",))
        return found

    FILTERS.add(HygieneFilter("letters", "drops short answers", judge, Letters))
    try:
        (step,) = filters_of(["letters?least=2"], Workspace())
        items = [item(0), replace(item(1), answer="long", choices=("long", "a"))]
        first, second = step(items)
        assert isinstance(first, Drop) and first.why == "a short answer: b"
        assert isinstance(second, Item) and second.tags == ("long",)
        assert step.told == {"read": 2}
    finally:
        FILTERS.forget("letters")


def test_each_asks_every_item() -> None:
    judge = each(lambda one, settings: ("even", "") if "2" in one.question else None)
    found = judge([item(1), item(2), item(3)], None, Workspace())
    assert list(found.verdicts) == [1]
