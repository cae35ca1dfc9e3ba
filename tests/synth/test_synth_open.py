"""Open questions about one clip: the answer is the corpus's own text, and of one thing only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from labelled_sounds import LABELS, WORDS, sound, voice, world

from harken.errors import DataError
from harken.item import Item
from harken.recipes import selections
from harken.synth.make import draw
from harken.synth.pool import RecordingPool

POOL = RecordingPool(world(["train"]), "train")


def of(family: str, n: int, pool: RecordingPool = POOL) -> list[Item]:
    return list(draw(pool, "train", family, n, 3))


def test_every_label_is_the_answer_equally_often_and_several_labels_never() -> None:
    found = Counter(item.answer for item in of("name", 200))
    assert set(found) == set(LABELS) and set(found.values()) == {10}
    both = [sound(("rain", "thunder"), no) for no in range(9)]
    with pytest.raises(DataError, match="heard alone, are needed, there are 0"):
        of("name", 5, RecordingPool(both, "train"))
    assert not {"rain", "thunder"} & {
        i.answer for i in of("name", 20, RecordingPool([*both, sound("siren", 1), sound("cat", 1)],
                                                       "train"))
    }  # fmt: skip


def test_words_and_sentences_take_turns_where_there_are_both() -> None:
    items = of("transcribe", 120)
    assert Counter(item.tags[1] for item in items) == {"word": 60, "sentence": 60}
    assert Counter(item.answer for item in items if item.tags[1] == "word") == dict.fromkeys(
        WORDS, 6
    )
    words = RecordingPool([voice(w, "anna", n) for w in WORDS for n in range(3)], "train")
    assert {item.tags[1] for item in of("transcribe", 30, words)} == {"word"}


@pytest.mark.parametrize(
    "text",
    [
        "ask not what your country can do for you, ask what you can do for your country.",
        "Yes, sir!",  # two words: a transcript, though too short to be quoted
        'he said "no", and left; it was 7.30',
        " ".join(f"word{i}" for i in range(40)),
    ],
)
def test_the_answer_is_the_whole_transcript_as_it_is_written(text: str) -> None:
    (item,) = of("transcribe", 1, RecordingPool([voice(text, "anna", 0)], "train"))
    assert item.answer == text and not item.choices
    assert item.tags == ("single", "sentence", "skill:information")


def test_what_cannot_be_transcribed_is_told() -> None:
    silent = [sound(label, 0) for label in LABELS]
    unknown = [replace(voice("one two", "anna", 0), transcript=None, labels=())]
    for recordings in (silent, unknown):
        with pytest.raises(DataError, match="speech with a transcript"):
            of("transcribe", 2, RecordingPool(recordings, "train"))


def test_a_word_that_is_only_a_label_is_transcribed_too() -> None:
    only = [replace(voice("seven", "anna", n), transcript=None) for n in range(2)]
    assert {i.answer for i in of("transcribe", 2, RecordingPool(only, "train"))} == {"seven"}


def test_stages_take_them_as_transcripts_names_and_digits() -> None:
    said, named = of("transcribe", 40), of("name", 40)
    items = [*said, *named]
    assert selections.transcripts(items) == said
    assert selections.names(items) == named
    assert selections.open_ended(items) == items
    assert selections.digits(items) == [i for i in said if i.answer in WORDS]
    assert all(not i.history for i in selections.transcripts(items))  # asked openly as they are
