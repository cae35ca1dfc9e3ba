"""`examples/voices/around.py`: speakers have one place each, and nothing else is changed."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import example_module
from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.audio.load import load
from harken.item import Item

WHO = ("anna", "bert", "anna", "carl")
ANSWER = "speaker 1: one\nspeaker 2: two\nspeaker 1: three\nspeaker 3: four"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return example_module.example("voices/around")


@pytest.fixture
def meeting() -> Item:
    parts = tuple(Part(silence(1.0), float(at), gain_db=-at) for at in range(4))
    plan = ScenePlan(parts, 5.0, gain_db=0.0)
    events = [{"name": name} for name in WHO]
    return Item(
        "Who says what?", ANSWER, (), (Clip("plan", plan=plan, duration_s=5.0),), task="meeting",
        split="test", plan={"values": {"scene": {"events": events}}},
    )  # fmt: skip


@pytest.mark.parametrize("layout", ["foa", "tetrahedron"])
def test_a_speaker_stays_where_he_is(example: ModuleType, meeting: Item, layout: str) -> None:
    made = example.around(meeting, layout, None, 0)
    before, after = meeting.clips[0].plan, made.clips[0].plan
    assert before is not None and after is not None
    places = [part.path[0] for part in after.parts]
    assert places[0] == places[2] and len({*places}) == 3
    for at, one in enumerate(places):
        for other in places[at + 1 :]:
            apart = float(np.dot(one.direction, other.direction))
            assert other == one or apart < np.cos(np.radians(45)), "60 degrees of azimuth"
    told = [(part.at_s, part.gain_db) for part in after.parts]
    assert told == [(part.at_s, part.gain_db) for part in before.parts]
    assert (made.answer, made.question) == (meeting.answer, meeting.question)
    assert np.atleast_2d(load(made.clips[0], mono=False)).shape == (4, 5 * 16000)
    assert example.around(meeting, layout, None, 0) == made
    assert example.around(meeting, layout, None, 1) != made


def test_a_room_is_longer_by_what_it_echoes(example: ModuleType, meeting: Item) -> None:
    made = example.around(meeting, "foa", example.room(0.3), 0).clips[0]
    assert made.plan is not None and made.plan.room is not None
    assert made.duration_s == made.plan.duration_s == pytest.approx(5.3)


def test_single_words_are_told(example: ModuleType, meeting: Item) -> None:
    from dataclasses import replace

    assert not example._longer(meeting)
    assert example._longer(replace(meeting, answer="speaker 1: one two"))
