from __future__ import annotations

from dataclasses import replace

import pytest

from harken.ask.clip_order import renumber, reorder
from harken.audio.clip import Clip
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
def test_other_words_for_clip_positions_are_refused(question):
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


def asked(question: str, *choices: str) -> Item:
    return replace(WHICH, question=question, choices=choices, answer=choices[0], clips=CLIPS[:2])


@pytest.mark.parametrize(
    "choices",
    [
        ("1", "2"),
        ("(1)", "(2)"),
        ("A", "B"),
        ("I", "II"),
        ("one", "two"),
        ("first", "second", "both"),
        ("the latter", "the former"),
        ("audio_1", "audio_2"),
        ("Audio (1)", "Audio (2)"),
        ("Audio No. 1", "Audio number 2"),
        ("song 1", "song 2"),
        ("speaker 1", "speaker 2"),
        ("clip 01", "clip 1"),
        ("clip 0", "clip 1"),
        ("piano and guitar", "guitar and piano"),
        ("dog; cat", "cow; pig"),
        ("from sad to happy", "from happy to sad"),
        ("\u97f3\u98911", "\u97f3\u98912"),
        ("\u0645\u0642\u0637\u0639 1", "\u0645\u0642\u0637\u0639 2"),
        ("clip \u0661", "clip \u0662"),
        ("clip \u2460", "clip \u2461"),
    ],
)
def test_options_that_name_clips_in_other_ways_are_refused(choices: tuple[str, ...]):
    found = reorder(asked("Which of the clips holds the dog?", *choices), 1)
    assert isinstance(found, str) and found


@pytest.mark.parametrize(
    "question",
    [
        "In the audio 2 people speak: what about?",
        "In audio 2 people speak: what about?",
        "What happens when you play clip 2 times?",
        "What is heard at clip 1.5 s?",
        "Is clip 1 louder than 2?",
        "Is clip 1 vs. 2 the louder one?",
        "In clip 1, is it track 2 that is heard?",
        "Which sound comes first?",
        "Does the dog bark before the siren?",
        "How does the mood change?",
        "What is heard, respectively?",
        "Does what speaker B says agree?",
        "Was ist in der ersten Aufnahme zu hören?",
        "\u7b2c\u4e00\u6bb5\u97f3\u9891\u91cc\u6709\u4ec0\u4e48\uff1f",
    ],
)
def test_questions_that_may_place_clips_are_refused(question: str):
    found = reorder(asked(question, "yes", "no"), 1)
    assert isinstance(found, str) and found


def test_plain_numbers_are_followed_where_they_can_be_nothing_else():
    turned = reorder(
        asked("Which of the 2 clips is louder?", "clip 1 only", "Clip\u00a02", "both"), 1
    )
    assert turned.choices == ("clip 2 only", "Clip\u00a01", "both")
    counted = reorder(asked("In how many of the 2 clips is rain?", "0", "1", "2"), 1)
    assert counted.choices == ("0", "1", "2") and counted.clips[0] == CLIPS[1]
    said = reorder(asked("Is it so?", "yes", "no"), 1)
    assert isinstance(said, str)  # nothing tells that this is English


def test_open_answers_that_list_have_one_order():
    open_ = replace(WHICH, question="What is in the clips?", choices=(), answer="dog, cat")
    assert "in turn" in reorder(open_, 1)
    assert isinstance(reorder(replace(open_, answer="a dog"), 1), Item)
