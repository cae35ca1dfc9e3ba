from __future__ import annotations

from dataclasses import replace

import pytest

from harken.ask.clip_order import renumber, reorder
from harken.audio import Clip
from harken.item import Item

CLIPS = tuple(Clip(path=f"{name}.wav", duration_s=1.0) for name in "abc")
WHICH = Item(
    question="In which clip is the dog? Leave clip 3 aside.",
    answer="clip 1",
    choices=("clip 1", "clip 2", "clip 3"),
    clips=CLIPS,
)


def test_numbers_go_with_their_clips():
    one = reorder(WHICH, 1)
    assert [clip.path for clip in one.clips] == ["b.wav", "c.wav", "a.wav"]
    assert one.answer == "clip 3" and one.gold == WHICH.gold
    assert one.question == "In which clip is the dog? Leave clip 2 aside."
    assert one.choices == ("clip 3", "clip 1", "clip 2")


@pytest.mark.parametrize("by", [0, 1, 2, 3, 4])
def test_the_named_clip_is_the_same_sound_in_every_order(by):
    turned = reorder(WHICH, by)
    for text, same in zip(WHICH.choices, turned.choices, strict=True):
        assert WHICH.clips[int(text[-1]) - 1] == turned.clips[int(same[-1]) - 1]
    back = reorder(turned, -by)
    assert back == WHICH


def test_every_way_of_numbering_is_followed():
    assert renumber("Audio 2, clip #1 and recording-3", 1, 3) == "Audio 1, clip #3 and recording-2"
    assert renumber("clip 10 of 12 clips", 1, 12) == "clip 9 of 12 clips"


@pytest.mark.parametrize(
    "question",
    [
        "Is the dog in the second clip?",
        "Which sound comes before the bell in the recordings?",
        "Do clips 1 and 2 hold the same word?",
        "Give the order in which they are heard.",
        "Is audio A louder than audio B?",
        "Is clip 7 a dog?",
        "Compare clips one and two.",
        "Is the former louder?",
    ],
)
def test_words_that_place_clips_otherwise_are_never_renumbered_by_guess(question):
    found = reorder(replace(WHICH, question=question), 1)
    assert isinstance(found, str) and found


@pytest.mark.parametrize(
    "question",
    ["Is one and the same word said in both clips?", "Of the three recordings, how many are rain?"],
)
def test_counting_clips_is_no_order(question):
    asked = replace(WHICH, question=question, choices=("yes", "no"), answer="no")
    assert isinstance(reorder(asked, 1), Item)


def test_open_answers_that_number_clips_have_one_order():
    asked = replace(WHICH, choices=(), answer="clip 2")
    assert "open answer" in reorder(asked, 1)
