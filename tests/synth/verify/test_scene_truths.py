"""Answers about times and orders: true ones pass, exchanged ones are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staged_world import LABELS, staged_pool

from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.make import draw, families_of
from harken.synth.staging import Staging
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.scene_truths import RULES
from harken.synth.verify.truths import checked, truth_faults

LEXICON = Lexicon(LABELS)
SHORT = Staging(long_s=(60.0,))
CLIP = staged_pool().recordings[0].clip

UNRULED = (
    *("before-after", "duration", "overlap", "direction", "unanswerable", "twins", "instrument"),
    *("conflict", "compose", "over-refusal", "changed"),
)
"""Their options are all or in part heard."""


@pytest.mark.parametrize("family", RULES)
def test_true_answers_pass_and_exchanged_ones_are_found(family: str) -> None:
    found = 0
    for item in draw(staged_pool(), "train", family, 16, 0, SHORT):
        assert checked(item, LEXICON) and truth_faults(item, LEXICON) == []
        for other in item.choices:
            if other != item.answer:
                faults = truth_faults(replace(item, answer=other), LEXICON)
                assert {fault.kind for fault in faults} == {"options"}, (item.question, other)
                found += 1
    assert found >= 32


@pytest.mark.parametrize("family", UNRULED)
def test_options_that_are_all_heard_are_no_fault(family: str) -> None:
    for item in draw(staged_pool(), "train", family, 8, 0):
        assert not checked(item, LEXICON) and truth_faults(item, LEXICON) == []


def test_no_question_about_scenes_or_music_has_a_fault_that_is_none() -> None:
    for family in families_of(["scenes", "music"]):
        for item in draw(staged_pool(), "train", family, 4, 1):
            assert truth_faults(item, LEXICON) == [], (family, item.question)


@pytest.mark.parametrize(
    ("task", "question", "answer", "other", "faults"),
    [
        ("at-time", "What is heard at 1.5 s?", "rain", "siren", 0),
        ("at-time", "What is heard at 0:04.5?", "rain", "siren", 2),
        ("say-when", 'Say when the sound "rain" begins.', "at 1.0 s", "never", 0),
        ("say-when", 'Say when the sound "cat" begins.', "at 1.0 s", "never", 2),
        ("say-when", 'Say when the sound "cat" begins.', "never", "at 4.0 s", 0),
        ("when", 'When is the sound "siren" heard?', "from 3 to 6 s", "from 0 to 3 s", 0),
        ("when", 'When is the sound "rain" heard?', "from 3 to 6 s", "from 0 to 3 s", 2),
        ("in-order", "In which order?", "rain, then siren", "siren, then rain", 0),
        ("in-order", "In which order?", "siren, then rain", "rain, then siren", 2),
    ],
)
def test_by_hand(task: str, question: str, answer: str, other: str, faults: int) -> None:
    sources = (SourceFacts("sound", "rain", 1.0, 2.0), SourceFacts("sound", "siren", 4.0, 5.0))
    facts = (ClipFacts(sources, 6.0),)
    item = Item(question, answer, (answer, other), (CLIP,), task, facts=facts)
    assert len(truth_faults(item, LEXICON)) == faults
