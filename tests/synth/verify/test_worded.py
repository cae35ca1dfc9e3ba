"""Rewordings: the same question, without its answer; options in other words."""

from __future__ import annotations

import pytest

from harken.audio.clip import Clip
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import truth_faults
from harken.synth.verify.worded import option_faults, wording_faults

NAMES = ["dog bark", "rain", "siren", "cat meow"]
LEXICON = Lexicon(NAMES)


def item(question: str, answer: str, choices: tuple[str, ...], task: str, *heard: str) -> Item:
    clips = tuple(Clip("file", f"{i}.wav", duration_s=2.0) for i in range(len(heard)))
    facts = tuple(ClipFacts((SourceFacts("sound", name),), 2.0) for name in heard)
    return Item(question, answer, choices, clips, task, facts=facts)


CHOOSE = item("Which of these sounds do you hear?", "rain", tuple(NAMES), "identify", "rain")
WHICH = item('Which clip contains the sound "rain"?', "clip 2", ("clip 1", "clip 2"), "which-clip",
             "dog bark", "rain")  # fmt: skip
THERE = item('Is the sound "rain" in this clip?', "no", ("yes", "no"), "presence", "siren")
FIRST = item("Which sound comes first?", "rain", ("rain", "siren"), "first", "rain")


@pytest.mark.parametrize(
    ("one", "question"),
    [
        (CHOOSE, "What can be heard here?"),
        (WHICH, "Where is the rain to be heard?"),
        (WHICH, 'Of the two clips, which one has "rain" in it?'),
        (THERE, "Can you hear rain?"),
        (FIRST, "What do you hear first?"),
    ],
)
def test_other_words_for_the_same_question_pass(one: Item, question: str) -> None:
    assert wording_faults(one, question, LEXICON) == []


@pytest.mark.parametrize(
    ("one", "question", "kind"),
    [
        (CHOOSE, "Which of these is the sound of rainfall?", "leak"),
        (CHOOSE, "Given that it is wet, what do you hear?", "leak"),
        (WHICH, "Is the rain in clip 2?", "leak"),
        (WHICH, "Which clip contains a siren?", "missing"),
        (WHICH, "Which clip does not contain rain?", "meaning"),
        (THERE, "Which sound is in the clip, rain?", "meaning"),
        (FIRST, "Which sound comes last?", "meaning"),
        (CHOOSE, "Which of these five sounds do you hear?", "count"),
        (CHOOSE, "What do you hear? A. rain B. dog", "form"),
        (CHOOSE, "The recording.", "form"),
    ],
)
def test_another_question_or_one_that_tells_the_answer_is_found(
    one: Item, question: str, kind: str
) -> None:
    assert kind in {fault.kind for fault in wording_faults(one, question, LEXICON)}


def test_options_keep_what_they_name() -> None:
    same = ["the barking of a dog", "rainfall", "an ambulance siren", "a meowing cat"]
    assert option_faults(CHOOSE, same, LEXICON) == []
    for changed in (["a cat", *same[1:]], [*same[:3], "a meowing dog"], same[:3], ["", *same[1:]]):
        assert option_faults(CHOOSE, changed, LEXICON)
    assert option_faults(THERE, ["Yes", "No"], LEXICON) == []
    assert option_faults(THERE, ["no", "yes"], LEXICON)


def test_the_answer_is_true_and_alone() -> None:
    for one in (CHOOSE, WHICH, THERE):
        assert truth_faults(one, LEXICON) == []
    second = item(CHOOSE.question, "rain", ("rain", "rainfall", "siren", "cat"), "identify", "rain")
    wrong = item(CHOOSE.question, "siren", ("rain", "siren"), "identify", "rain")
    false = item(THERE.question, "yes", ("yes", "no"), "presence", "siren")
    other = item(WHICH.question, "clip 1", WHICH.choices, "which-clip", "dog bark", "rain")
    number = item('In how many clips is the sound "rain"?', "2", ("0", "1", "2"), "count",
                  "dog bark", "rain")  # fmt: skip
    for one in (second, wrong, false, other, number):
        assert {fault.kind for fault in truth_faults(one, LEXICON)} == {"options"}
