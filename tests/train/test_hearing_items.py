"""Held-out items: from another split where there is one, else a share that is not trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import ConfigError
from harken.item import Item
from harken.train.hearing_items import (
    SKILLS,
    compared,
    draw_held_out,
    named_held_out,
    skill_of,
    without,
)


def item(number: int, split: str = "train", count: int = 1, **more: object) -> Item:
    made = Item(
        question=f"What is {number}?",
        answer="a",
        choices=("a", "b"),
        clips=tuple(Clip(path=f"{number}-{k}.wav", duration_s=1.0) for k in range(count)),
        split=split,
        recordings=(f"r{number}",),
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "skill"),
    [
        ({}, "single-audio"),
        ({"clips": ()}, "text-only"),
        ({"clips": (), "choices": ()}, "text-only"),
        ({"choices": ()}, "open-ended"),
        ({"choices": (), "tags": ("word",)}, "words"),
        ({"tags": ("speech", "name")}, "words"),
        ({"choices": (), "task": "asr"}, "words"),
        ({"task": "speech-transcription"}, "words"),
        ({"task": "keyword-spotting"}, "single-audio"),
    ],
)
def test_the_skill_of_an_item(changes: dict[str, object], skill: str) -> None:
    assert skill_of(item(0, **changes)) == skill in SKILLS  # type: ignore[arg-type]


def test_several_clips_are_a_skill_whatever_is_in_them() -> None:
    assert skill_of(item(0, count=2)) == "multi-audio"
    assert skill_of(item(0, count=3, tags=("word",))) == "multi-audio"


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("train", "dev", "test"), "dev"),
        (("train", "test"), "test"),
        (("train", "validation"), "validation"),
        (("train", "valid", "test"), "valid"),
        (("train", "val"), "val"),
    ],
)
def test_another_split_is_drawn_from_and_training_keeps_its_items(
    splits: tuple[str, ...], expected: str
) -> None:
    items = [item(n, splits[n % len(splits)]) for n in range(60)]
    held = draw_held_out(items, 8, 0)
    assert len(held.items) == 8 and {one.split for one in held.items} == {expected}
    assert held.source == f"the split {expected}" and not held.not_trained
    train = [one for one in items if one.split == "train"]
    assert without(train, held) == train
    assert draw_held_out(list(reversed(items)), 8, 0).items == held.items  # ids and seed decide
    assert draw_held_out(items, 8, 1).items != held.items


@pytest.mark.parametrize("split", ["train", ""])
def test_without_a_split_a_share_is_held_out_and_not_trained_on(split: str) -> None:
    items = [item(n, split, recordings=(f"r{n // 3}",)) for n in range(90)]
    held = draw_held_out(items, 64, 0)
    assert held.source == "train" and len(held.items) == 9  # a tenth
    rest = without(items, held)
    measured = {name for one in held.items for name in one.recordings}
    assert all(measured.isdisjoint(one.recordings) for one in rest) and held.shared == 0
    assert len(rest) == 90 - len(held.not_trained) and len(held.not_trained) == 9
    assert "not trained on" in held.said()


def test_items_tied_together_by_recordings_are_told() -> None:
    items = [item(n, recordings=("one",)) for n in range(40)]
    held = draw_held_out(items, 4, 0)
    assert len(held.items) == 4 == len(held.not_trained) and held.shared == 36
    assert "36 training items share a recording" in held.said()


def test_items_without_recordings_are_told_apart_by_their_files() -> None:
    items = [
        item(n, recordings=(), count=0)
        if n < 4
        else replace(item(n, recordings=()), clips=(Clip(path=f"{n // 2}.wav", duration_s=1.0),))
        for n in range(84)
    ]
    held = draw_held_out(items, 64, 0)
    files = {clip.path for one in held.items for clip in one.clips}
    assert files and held.shared == 0
    assert all(files.isdisjoint(c.path for c in one.clips) for one in without(items, held))


def test_every_skill_is_there_however_rare() -> None:
    items = [item(n, "dev") for n in range(200)]
    items += [item(500 + n, "dev", count=2) for n in range(3)]
    items += [item(600, "dev", choices=()), item(700, "dev", count=0)]
    held = draw_held_out(items, 10, 3)
    assert held.skills == {"single-audio": 5, "multi-audio": 3, "open-ended": 1, "text-only": 1}


@pytest.mark.parametrize(
    ("count", "size", "why"), [(0, 8, "no items"), (15, 8, "fewer than 2"), (50, 0, "is 0")]
)
def test_where_nothing_can_be_held_out_the_reason_is_told(count: int, size: int, why: str) -> None:
    held = draw_held_out([item(n) for n in range(count)], size, 0)
    assert not held.items and why in held.why_none and why in held.said()
    assert not held.not_trained


def test_named_items_and_answers_that_are_withheld() -> None:
    items = [item(n, "train") for n in range(5)]
    assert len(named_held_out(items, 3, 0, "mine.jsonl").items) == 3
    withheld = [replace(one, answer="", tags=("hidden-answer",)) for one in items]
    assert "no items with answers" in named_held_out(withheld, 3, 0, "mine.jsonl").why_none
    both = [*items, *(replace(one, split="dev") for one in withheld)]
    assert draw_held_out(both, 3, 0).source != "the split dev"
    with pytest.raises(ConfigError, match="-1"):
        draw_held_out(items, -1, 0)


def _with(*paths: str, number: int = 0, split: str = "train", **more: object) -> Item:
    clips = tuple(Clip(path=path, duration_s=1.0) for path in paths)
    return item(number, split, **{"clips": clips, "recordings": (), **more})


_SCENE = Clip(kind="plan", plan=ScenePlan((Part(Clip(path="a.wav", duration_s=1.0)),), 1.0))


@pytest.mark.parametrize(
    ("trained", "left_out", "shared"),
    [
        (_with("a.wav", number=7, split="dev"), 0, 0),  # another split: not trained on
        (_with("b.wav", number=1), 0, 0),
        (_with("a.wav", number=1), 0, 1),
        (_with("b.wav", "a.wav", number=1), 0, 1),
        (_with("b.wav", number=1, recordings=("r",)), 0, 1),
        (_with(number=1, clips=(_SCENE,)), 0, 1),
        (_with("a.wav"), 1, 0),  # the very item
        (_with("a.wav", number=1, split=""), 0, 1),
    ],
)
def test_what_a_named_set_shares_with_the_training_items_is_counted_and_told(
    trained: Item, left_out: int, shared: int
) -> None:
    asked = [_with("a.wav", recordings=("r",)), _with("c.wav", number=3)]
    if left_out:
        trained = replace(asked[0], split="train")
    others = [_with(f"o{n}.wav", number=10 + n) for n in range(5)]
    held = compared(named_held_out(asked, 2, 0, "mine.jsonl"), [trained, *others])
    assert (len(held.not_trained), held.shared) == (left_out, shared)
    assert ("1 of them are training items" in held.said()) == bool(left_out)
    assert ("1 training items share a recording" in held.said()) == bool(shared)
    assert len(without([trained, *others], held)) == 6 - left_out


@pytest.mark.parametrize("split", ["dev", "validation", "test"])
def test_what_another_split_shares_with_the_training_items_is_counted_and_told(split: str) -> None:
    items = [item(n, recordings=(f"r{n % 10}",)) for n in range(40)]
    items += [item(90 + n, split, recordings=(f"r{n}",)) for n in range(3)]
    held = draw_held_out(items, 8, 0)
    assert held.shared == 12 and not held.not_trained  # 4 of each of 3 recordings
    assert "12 training items share a recording" in held.said()
