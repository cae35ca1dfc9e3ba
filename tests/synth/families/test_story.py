"""story and next-turn: open questions of MAE whose targets follow from labels."""

from __future__ import annotations

import re
from collections import Counter

from labelled_sounds import world

from harken.synth.make import FAMILIES, draw
from harken.synth.pool import RecordingPool

POOL = RecordingPool(world(["train"]), "train")
BY_ID = {recording.id: recording for recording in POOL.recordings}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def test_a_story_names_what_is_heard_in_order_and_nothing_else() -> None:
    sizes = Counter()
    for item in draw(POOL, "train", "story", 90, 0):
        named = re.findall(r'"([^"]+)"', item.answer)
        assert named == [BY_ID[name].labels[0] for name in item.recordings]
        assert len({*named}) == len(item.clips)
        sizes[len(item.clips)] += 1
    assert sizes == {2: 30, 3: 30, 4: 30}


def test_the_next_number_is_as_far_on_as_the_second_from_the_first() -> None:
    answers = Counter()
    for item in draw(POOL, "train", "next-turn", 100, 0):
        one, other = (BY_ID[name] for name in item.recordings)
        first, second = NUMBERS.index(one.labels[0]), NUMBERS.index(other.labels[0])
        assert NUMBERS.index(item.answer) == 2 * second - first != second
        assert one.speaker != other.speaker
        answers[item.answer] += 1
    assert answers == dict.fromkeys(NUMBERS, 10)


def test_counting_needs_all_numbers() -> None:
    few = RecordingPool([r for r in POOL.recordings if r.labels != ("six",)], "train")
    assert "'six' is missing" in FAMILIES.get("next-turn").lacks(few)
    alone = RecordingPool([r for r in POOL.recordings if r.speaker == "train:anna"], "train")
    assert "2 speakers" in FAMILIES.get("next-turn").lacks(alone)
