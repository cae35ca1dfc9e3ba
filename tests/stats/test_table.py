"""Columns from records: every order of the options and of the clips is brought back to the item."""

from __future__ import annotations

import random
from math import log
from typing import Any

import numpy as np
import pytest

from harken.evaluate.results import tabulate
from harken.item import HIDDEN, Item
from harken.stats.table import table
from scored_records import make_items, make_records, record

WHICH = Item("In which clip is a dog?", "clip 2", ("clip 1", "clip 2", "clip 3"), recordings=("r",))


def turned(clip_rotation: int, rotation: int, picked: int) -> dict[str, Any]:
    """`WHICH` with its clips shifted: what was clip 2 is shown as clip 1 under a shift by 1."""
    made = record(WHICH, "audio", 0.8, rotation, clip_rotation=clip_rotation)
    made["choices"] = [f"clip {(i - clip_rotation) % 3 + 1}" for i in made["order"]]
    made["parsed"] = WHICH.choices[picked]
    return made


def test_a_choice_is_found_by_option_by_position_and_by_clip() -> None:
    # Clips shifted by 1, options by 2: shown are [old clip 3, old 1, old 2] as clips [2, 3, 1].
    found = table([turned(0, 0, 1), turned(1, 2, 0)])
    assert turned(1, 2, 0)["choices"] == ["clip 2", "clip 3", "clip 1"]
    assert found.options == [("clip 1", "clip 2", "clip 3")]
    assert found.clip_rotation.tolist() == [0, 1] and found.rotation.tolist() == [0, 2]
    assert found.pick[:, 0].tolist() == [1, 0]
    assert found.shown[:, 0].tolist() == [1, 1]
    assert found.shown_clip[:, 0].tolist() == [2, 3]
    assert found.gold_clip.tolist() == [2, 1]


def test_probabilities_are_in_the_items_own_order() -> None:
    item = Item("q?", "a", ("a", "b"), recordings=("r",))
    wide = Item("w?", "x", ("x", "y", "z"), recordings=("s",))
    found = table([record(item, "audio", 0.9, 1), record(wide, "audio", 0.5)])
    own = {name: found.chances[at, 0] for at, name in enumerate(found.items)}
    assert own[item.id][:2] == pytest.approx([0.9, 0.1], abs=1e-5) and np.isnan(own[item.id][2])
    assert own[wide.id] == pytest.approx([0.5, 0.25, 0.25], abs=1e-5)
    assert found.bits[found.items.index(item.id), 0] == pytest.approx(log(0.9) / log(2), abs=1e-5)


def test_older_records_lack_what_came_later() -> None:
    item = Item("q?", "a", ("a", "b"), recordings=("r",))
    old = [
        record(item, name, 0.9) | {"clips": clips} for name, clips in (("none", 0), ("audio", 2))
    ]
    found = table(old)
    assert found.n_clips.tolist() == [2] and found.clip_rotation.tolist() == [0]
    assert table([old[0] | {"heard": 3}]).n_clips.tolist() == [3]


def test_a_question_asked_twice_over_is_two_answers_of_one_item() -> None:
    item = Item("q?", "a", ("a", "b"), recordings=("r",))
    found = table([record(item, "audio", p) for p in (0.9, 0.2, 0.9, 0.9)])
    assert found.again.tolist() == [0, 1, 2, 3] and len(found.items) == 1
    assert found.by_item(found.right).tolist() == [[0.75]]


def test_failed_and_not_asked_have_no_score(tmp_path: Any) -> None:
    items = make_items(tmp_path, 9)
    records = make_records(items, lambda item, condition, draw: 0.9)
    found = table(records[:20])
    audio, none = found.column("audio"), found.column("none")
    right = found.by_item(found.right)
    place = found.items.index
    assert np.isnan(right[place(items[5].id), audio]) and right[place(items[2].id), audio] == 0.0
    assert right[place(items[8].id), none] == 1.0 and found.column("swap") == -1


def test_the_order_of_the_records_does_not_matter(tmp_path: Any) -> None:
    items = make_items(tmp_path, 9)
    records = make_records(items, lambda item, condition, draw: float(draw.uniform(0.1, 0.9)))
    there = table(records)
    random.Random(1).shuffle(records)
    back = table(records)
    order = [back.column(name) for name in there.conditions]
    assert back.items == there.items and back.groups == there.groups
    for name in ("outcome", "pick", "shown", "chances"):
        np.testing.assert_array_equal(getattr(back, name)[:, order], getattr(there, name))


def test_no_records_make_an_empty_table() -> None:
    found = table([])
    assert found.items == [] and found.right.shape == (0, 0) and found.bits.shape == (0, 0)


def test_withheld_answers_have_no_score_whatever_the_reply() -> None:
    open_item, shut = (Item(f"{i}?", "a", ("a", "b"), recordings=(str(i),)) for i in range(2))
    withheld = {"tags": [HIDDEN]}
    records = [
        record(open_item, "audio", 0.9),
        record(shut, "audio", 0.9, **withheld) | {"outcome": "hidden", "value": None},
        record(shut, "none", 0.9, **withheld) | {"outcome": "abstained", "parsed": None},
    ]
    found = table(records)
    assert np.isnan(found.right[found.items.index(shut.id)]).all()
    assert np.nansum(found.right) == 1.0
    cell = tabulate(records)["overall"]["cells"]["audio"]
    assert (cell["accuracy"], cell["items"], cell["outcomes"]["hidden"]) == (1.0, 1, 1)
