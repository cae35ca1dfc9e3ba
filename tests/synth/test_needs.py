"""What an item needs, by arithmetic on scenes made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from harken.item import Item, ListeningNeed
from harken.synth.needs import NeedTally, caption_of, holds, left_open, need_of, shortest


def row(name: str, begin_s: float, end_s: float, level_db: float = 0.0) -> dict[str, Any]:
    return {"name": name, "heard": [begin_s, end_s], "level_db": level_db}


SCENE = {
    "duration_s": 12.0,
    "events": [
        row("dog", 1.0, 2.0, -3.0),
        row("cat", 3.5, 5.0, -1.0),
        row("rain", 6.0, 8.0, -6.0),
        row("dog", 9.0, 9.5, -2.0),
    ],
}


def test_a_caption_names_each_label_once_the_loudest_first() -> None:
    assert caption_of(SCENE) == ("cat", "dog", "rain")


def test_choices_that_the_caption_rules_out_are_no_choices() -> None:
    assert left_open(SCENE, ["dog", "rain"])
    assert not left_open(SCENE, ["dog", "cow", "horse"])
    assert not left_open(SCENE, ["cow", "horse"])


@pytest.mark.parametrize(
    ("names", "window_s"),
    [
        (("cat",), 1.5),  # 3.5 to 5
        (("dog",), 0.5),  # the shorter one, 9 to 9.5
        (("cat", "rain"), 4.5),  # 3.5 to 8
        (("dog", "rain"), 3.5),  # 6 to 9.5, not 1 to 8
        (("dog", "cat"), 4.0),  # 1 to 5
        (("cow",), 12.0),  # it is nowhere: the whole clip
    ],
)
def test_the_shortest_window_has_all_events_whole(names: tuple[str, ...], window_s: float) -> None:
    assert shortest(SCENE["events"], holds(*names), 12.0) == window_s
    assert need_of(SCENE, True, holds(*names)).share == pytest.approx(window_s / 12)


def test_what_holds_for_the_whole_clip_needs_all_of_it() -> None:
    need = need_of(SCENE, True)
    assert need == ListeningNeed(True, 12.0, 12.0) and need.share == 1.0


def test_an_event_that_is_cut_by_the_window_does_not_count() -> None:
    """Two overlapping events: a window with one of them whole may have half of the other."""
    events = [row("a", 0.0, 3.0), row("b", 2.0, 4.0)]
    seen: list[list[str]] = []

    def enough(inside: Any) -> bool:
        seen.append([one["name"] for one in inside])
        return len(inside) == 2

    assert shortest(events, enough, 10.0) == 4.0
    assert ["a"] in seen and ["b"] in seen


def test_a_tally_has_the_means_and_leaves_out_what_is_not_known() -> None:
    tally = NeedTally()
    tally.add("b", ListeningNeed(True, 2.0, 8.0))
    tally.add("b", ListeningNeed(False, 4.0, 4.0))
    tally.add("b", None)
    tally.add("a", ListeningNeed(False))
    tally.add("unknown", None)
    assert tally.summary() == {
        "a": {"caption_proof": 0.0, "window_s": None, "share": None},
        "b": {"caption_proof": 0.5, "window_s": 3.0, "share": 0.625},
    }
    assert list(tally.summary()) == ["a", "b"]


def test_a_need_is_no_part_of_the_id_and_goes_with_its_clips() -> None:
    plain = Item("Is it a dog?", "yes", ("yes", "no"))
    item = Item("Is it a dog?", "yes", ("yes", "no"), need=ListeningNeed(True, 1.5, 3.0), twins="x")
    assert item.id == plain.id and Item.from_dict(item.to_dict()) == item
    assert "need" not in plain.to_dict() and Item.from_dict(plain.to_dict()).need is None
    assert item.with_clips(()) == plain
