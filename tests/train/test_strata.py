"""Which items are in a step: pure in seed and turn, and of one stratum where that is asked for."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest

from harken.audio.clip import silence
from harken.item import Contribution, Item
from harken.train.batch import epoch_picks
from harken.train.strata import STRATA, ItemPicker, needs


def item(number: int, label: str, clips: bool = True) -> Item:
    own = Contribution(label, "bits") if label else None
    return Item(f"Question {number}?", "a", ("a", "b"), (silence(1.0),) if clips else (),
                contribution=own)  # fmt: skip


def made(strong: int, weak: int, unknown: int) -> list[Item]:
    labels = ["strong"] * strong + ["weak"] * weak + ["undecided"] * unknown
    return [item(number, label) for number, label in enumerate(labels)]


def test_what_an_item_needs() -> None:
    assert [needs(item(0, label)) for label in ("strong", "weak", "undecided", "")] == [
        "audio", "text", "unknown", "unknown",
    ]  # fmt: skip
    assert needs(item(0, "strong", clips=False)) == "text"


@pytest.mark.parametrize("counts", [(12, 6, 6), (20, 1, 0), (5, 5, 0), (1, 1, 30)])
def test_a_step_is_of_one_stratum_and_strata_have_their_share(counts: tuple[int, int, int]) -> None:
    items = made(*counts)
    picker = ItemPicker(items, 4, 3, True)
    turns = 60
    seen: Counter[str] = Counter()
    for turn in range(turns):
        picks = picker.picks(turn)
        (name,) = {needs(items[i]) for i in picks}
        assert name == picker.stratum(turn) and len(picks) == 4
        seen[name] += 1
    for name, count in zip(("audio", "text", "unknown"), counts, strict=True):
        assert abs(seen[name] - turns * count / len(items)) <= 1
    assert picker.used(turns) == list(range(len(items)))
    again = ItemPicker(items, 4, 3, True)
    assert [again.picks(turn) for turn in (41, 7, 0)] == [picker.picks(t) for t in (41, 7, 0)]
    assert ItemPicker(items, 4, 4, True).picks(0) != picker.picks(0) or len(items) < 8


@pytest.mark.parametrize("counts", [(12, 6, 6), (20, 1, 0), (1, 1, 30)])
def test_the_stratum_of_a_turn_is_the_one_most_behind_its_share(
    counts: tuple[int, int, int],
) -> None:
    """By counting anew in every turn; and as fast late in a long stage as at its start."""
    items = made(*counts)
    picker, done = ItemPicker(items, 4, 0, True), []
    sizes = {name: n for name, n in zip(STRATA, counts, strict=True) if n}
    for turn in range(100):
        behind = {name: n * (turn + 1) / len(items) - done.count(name) for name, n in sizes.items()}
        done.append(max(behind, key=lambda name: behind[name]))
        assert picker.stratum(turn) == done[-1]
    start = time.perf_counter()
    picker.stratum(20_000)
    assert time.perf_counter() - start < 3.0


def test_every_item_of_a_stratum_comes_once_in_an_epoch() -> None:
    items = made(8, 4, 0)
    picker = ItemPicker(items, 4, 0, True)
    audio = [i for turn in range(9) if picker.stratum(turn) == "audio" for i in picker.picks(turn)]
    assert sorted(audio[:8]) == list(range(8)) and sorted(audio[8:16]) == list(range(8))


def test_without_strata_the_order_is_that_of_the_other_stages() -> None:
    items = made(5, 4, 2)
    picker = ItemPicker(items, 4, 7, False)
    assert [picker.picks(t) for t in range(6)] == [epoch_picks(11, 4, 7, t) for t in range(6)]
    assert picker.stratum(0) == "" and picker.used(1) == sorted(set(picker.picks(0)))
    assert picker.used(100) == list(range(11))


def test_items_that_are_not_measured_are_one_stratum() -> None:
    items = [replace(one, contribution=None) for one in made(6, 0, 0)]
    picker = ItemPicker(items, 2, 0, True)
    assert {picker.stratum(turn) for turn in range(5)} == {"unknown"}
