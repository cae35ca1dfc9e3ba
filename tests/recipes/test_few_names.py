"""Few names: at most so many labels and words, whatever the order of the recordings."""

from __future__ import annotations

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.recipes.few_names import NAMES, few_names


def sound(number: int, label: str) -> Recording:
    return Recording(Clip(path=f"{number}.wav"), f"r{number}", "sound", (label,))


def said(number: int, text: str) -> Recording:
    return Recording(Clip(path=f"s{number}.wav"), f"s{number}", "speech", transcript=text)


def test_many_labels_are_cut_and_few_are_not() -> None:
    many = [sound(i, f"label {i % 40}") for i in range(120)]
    used, told = few_names(many, 0)
    assert len({r.labels for r in used}) == NAMES
    assert len(used) == 3 * NAMES  # all recordings of a label, or none
    assert told == f"{NAMES} of 40 labels"
    few = [sound(i, f"label {i % 5}") for i in range(20)]
    assert few_names(few, 0) == (tuple(few), "")


def test_the_choice_does_not_depend_on_the_order_and_does_on_the_seed() -> None:
    many = [sound(i, f"label {i % 40}") for i in range(80)]
    one, other = ({r.id for r in few_names(own, 0)[0]} for own in (many, many[::-1]))
    assert one == other
    assert one != {r.id for r in few_names(many, 1)[0]}


def test_sentences_stay_unless_words_are_cut() -> None:
    sentence = said(99, "a whole sentence")
    few = [*(said(i, f"w{i}") for i in range(4)), sentence]
    assert sentence in few_names(few, 0)[0]
    used, told = few_names([*(said(i, f"w{i}") for i in range(30)), sentence], 0)
    assert sentence not in used
    assert told == f"{NAMES} of 30 words"
