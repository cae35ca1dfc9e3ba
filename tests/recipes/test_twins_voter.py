"""The voter of `examples/twins/voter.py`: practice, and hints without audio."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import example_module
from harken.audio.clip import noise
from harken.audio.load import load
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.shards.read import read_items

SCENE = ("dog", "bell", "dog", "rain")


@pytest.fixture(scope="module")
def voter() -> ModuleType:
    return example_module.example("twins/voter")


@pytest.fixture
def item() -> Item:
    sources = tuple(
        SourceFacts("sound", name, onset_s=3.0 * at + 0.5, offset_s=3.0 * at + 1.5)
        for at, name in enumerate(SCENE)
    )
    return Item(
        "How often is the dog heard?", "2", ("1", "2"), (noise(1.0, 3),), task="count-events",
        tags=("single", "sound", "scene"), recordings=("r",), split="train",
        facts=(ClipFacts(sources, 12.0),), twins="pair",
    )  # fmt: skip


def test_hints_are_asked_without_audio(
    voter: ModuleType, item: Item, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A leaky item without clips and over silence, and never with what gives the audio away."""
    leaky = replace(item, question="This is a dog.", tags=("single", "leaky"), task="leaky")
    held = replace(leaky, question="This is a cat.", split="test")
    monkeypatch.setattr(voter, "read_items", lambda source: [leaky, item, held])
    voter.with_hints(tmp_path, tmp_path / "hints", 1, 0)
    found = list(read_items(tmp_path / "hints"))
    hints = [one for one in found if "leaky" in one.tags]
    assert sorted(len(one.clips) for one in hints) == [0, 1]
    (over,) = (one.clips[0] for one in hints if one.clips)
    assert not load(over).any() and over.duration_s == pytest.approx(1.0)
    assert {one.question for one in hints} == {"This is a dog."}, "training items only"
    assert sum(one.task == "practice" for one in found) >= 6


def test_practice_is_true_of_the_scene(voter: ModuleType, item: Item) -> None:
    asked = list(voter.practice(item, 0))
    assert {(one.task, one.choices, one.twins, one.split) for one in asked} == {
        ("practice", (), "", "train")
    }
    assert asked[0].answer == "dog, bell, dog, rain"
    assert asked[1].answer == "0.5 s dog, 3.5 s bell, 6.5 s dog, 9.5 s rain"
    found = {one.question: one.answer for one in asked[2:]}
    assert len(found) >= 4
    for question, answer in found.items():
        named = re.search(r'"(\w+)"', question)
        time = re.search(r"(\d+\.\d) ?s|(\d+\.\d)", question)
        if named is None:  # what is heard at a time
            assert time is not None
            assert SCENE[int(float(time[1] or time[2]) // 3)] == answer
        elif answer.startswith("at "):
            assert answer == f"at {3 * SCENE.index(named[1]) + 0.5:.1f} s"
        elif answer.isdigit():
            assert int(answer) == SCENE.count(named[1])
        else:
            step = 1 if "after" in question else -1
            assert SCENE[SCENE.index(named[1]) + step] == answer
    assert list(voter.practice(item, 0)) == asked != list(voter.practice(item, 1))


def test_without_audio_the_answer_stays(voter: ModuleType, item: Item) -> None:
    silent, none = voter.deaf(item, 0), voter.deaf(item, 1)
    assert [clip.duration_s for clip in silent.clips] == [1.0] and none.clips == ()
    for one in (silent, none):
        assert (one.answer, one.choices, one.recordings, one.facts) == ("2", ("1", "2"), (), ())
