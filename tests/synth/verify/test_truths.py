"""Options that name sounds, of tasks without a rule of their own."""

from __future__ import annotations

from dataclasses import replace

from staged_world import LABELS, staged_pool

from harken.synth.make import draw
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import checked, truth_faults

LEXICON = Lexicon(LABELS)


def test_of_other_tasks_one_option_is_there_and_the_others_are_not() -> None:
    both = draw(staged_pool(), "train", "overlap", 2, 0)  # of words, and of sounds
    (item,) = (one for one in both if one.facts[0].is_sound)
    other = replace(item, task="other")
    assert checked(other, LEXICON)
    assert truth_faults(other, LEXICON)  # all options are there
    assert not checked(item, LEXICON)
