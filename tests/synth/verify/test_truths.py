"""Answers of all families about scenes are true by the verifier's rules, or without a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staged_world import LABELS, staged_pool

from harken.synth.make import FAMILIES, draw
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import checked, truth_faults

LEXICON = Lexicon(LABELS)
STAGED = [name for name in FAMILIES if FAMILIES.is_built_in(name) and FAMILIES.get(name).staged]


@pytest.mark.parametrize("family", STAGED)
def test_no_answer_about_a_scene_is_called_false(family: str) -> None:
    for item in draw(staged_pool(), "train", family, 24, 0):
        assert truth_faults(item, LEXICON) == [], (item.question, item.choices, item.answer)


def test_of_other_tasks_one_option_is_there_and_the_others_are_not() -> None:
    both = draw(staged_pool(), "train", "at-time", 2, 0)  # of words, and of sounds
    (item,) = (one for one in both if one.facts[0].is_sound)
    sound = replace(item, task="other")
    assert checked(sound, LEXICON)
    assert truth_faults(sound, LEXICON)  # all four options are there
    assert checked(item, LEXICON) and not truth_faults(item, LEXICON)  # by a rule of its own
