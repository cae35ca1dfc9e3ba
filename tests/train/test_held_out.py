"""Held-out items: no recording on both sides, nothing lost without a count."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.item import Item
from harken.train.held_out import heard, hold_out, sources


def item(number: int, *recordings: str) -> Item:
    return Item(f"What is heard, {number}?", "rain", recordings=recordings)


def odd(one: Item) -> str:
    return "odd" if "odd" in one.answer else ""


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.1, 0.3, 0.9, 1.0])
def test_no_recording_is_on_both_sides_and_all_items_are_counted(share: float, seed: int) -> None:
    items = [item(n, f"r{n % 10}", f"r{(n * seed + 1) % 10}") for n in range(60)]
    items += [item(n, f"r{n}") for n in range(60, 70)]
    parts = hold_out(items, odd, share, 5, seed)
    one, other = (
        {name for kept in side for name in sources(kept)} for side in (parts.train, parts.held_out)
    )
    assert not one & other and len(other) <= 5
    assert len(parts.train) + len(parts.held_out) + sum(parts.left_out.values()) == len(items)
    again = hold_out(items[::-1], odd, share, 5, seed)
    assert {one.id for one in again.held_out} == {one.id for one in parts.held_out}


def test_by_hand() -> None:
    items = [item(n, f"r{n}") for n in range(20)]
    sizes = Counter(len(hold_out(items, odd, 0.1, 9, seed).held_out) for seed in range(9))
    assert sizes == {2: 9}
    assert hold_out(items, odd, 0.0, 9, 0).held_out == ()
    assert hold_out(items[:1], odd, 0.5, 9, 0).held_out == ()  # something must be trained on
    assert len(hold_out(items[:2], odd, 1.0, 9, 0).train) == 1
    assert hold_out([], odd, 0.5, 9, 0).counts() == {
        "train": 0, "held_out": 0, "left_out": {}, "held_out_ids": [],
    }  # fmt: skip


SHA = "a" * 64
FILE = Clip(path="a.wav", sha256=SHA)
OTHER = Clip(path="b.wav", sha256="b" * 64)


@pytest.mark.parametrize(
    ("clips", "same"),
    [
        ([FILE, replace(FILE, start_s=3.0, duration_s=1.0)], True),  # two spans of one file
        ([FILE, replace(FILE, path="copy.wav")], True),
        ([FILE, OTHER], False),
        ([Clip(path="a.wav"), Clip(path="a.wav", duration_s=2.0)], True),
        ([Clip(path="a.wav"), Clip(path="b.wav")], False),
        ([Clip("shard", "s.parquet", 1, 0), Clip("shard", "s.parquet", 2, 0)], False),
        ([Clip("shard", "s.parquet", 1, 0), Clip("shard", "s.parquet", 1, 1)], False),
        ([Clip("shard", "s.parquet", 1, 0), Clip("shard", "s.parquet", 1, 0, 2.0, 1.0)], True),
        ([FILE, Clip("plan", plan=ScenePlan((Part(FILE), Part(OTHER)), 5.0))], True),
        ([FILE, Clip("plan", plan=ScenePlan((Part(OTHER),), 5.0))], False),
        ([silence(1.0), silence(1.0)], True),
        ([silence(1.0), silence(2.0)], False),
    ],
)  # fmt: skip
def test_what_a_clip_is_cut_from_is_its_recording(clips: list[Clip], same: bool) -> None:
    """For the items of a stage and for those held out while it is trained."""
    one, other = (set(sources(Item("What?", "rain", clips=(clip,)))) for clip in clips)
    assert one and other and bool(one & other) is same
    named = [Item("What?", "rain", clips=(clip,), recordings=("r",)) for clip in clips]
    assert [sources(item) for item in named] == [{"r"}, {"r"}]


def test_items_without_named_recordings_count_by_their_clips() -> None:
    clips = [Clip(path=f"{n}.wav", sha256="0" * 63 + str(n)) for n in range(4)]
    items = [Item(f"Question {n}?", "rain", clips=(clip,)) for clip in clips for n in range(3)]
    parts = hold_out(items, odd, 0.5, 9, 1)
    assert len(parts.held_out) == 6 and len({i.clips[0].path for i in parts.held_out}) == 2


def test_spans_of_a_file_and_scenes_of_it_are_one_recording() -> None:
    whole = Clip(path="a.wav", sha256="a" * 64)
    span = Clip(path="moved.wav", sha256="a" * 64, start_s=1.0, duration_s=2.0)
    mixed = Clip("plan", plan=ScenePlan((Part(span), Part(silence(1.0))), 3.0))
    names = [sources(Item("q", "a", clips=(clip,))) for clip in (whole, span, mixed)]
    assert names[0] == names[1] == names[2] == {"a" * 64}
    assert heard(Item("q", "a", clips=(mixed,), recordings=("r",))) == {"a" * 64, "r"}
    assert sources(Item("q", "a", clips=(mixed,), recordings=("r",))) == {"r"}
    rows = [Clip("shard", path="s.arrow", row=row) for row in (0, 1)]
    assert len({sources(Item("q", "a", clips=(row,))) for row in rows}) == 2
    silent = [sources(Item("q", "a", clips=(silence(s),))) for s in (1.0, 2.0)]
    assert silent[0] and silent[0] != silent[1]
