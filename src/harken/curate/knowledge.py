"""Which voters are shown to know answers without audio: only their not knowing is evidence.

A question is strong if voters that can know do not know it. A voter that guesses, or that always
holds the longest option, does not know it either, and that tells nothing. So every voter is tested
on the items themselves: without audio, are the options it holds the gold more often than luck? To a
voter that cannot know, the gold is one of n options like any other, so of the options it holds 1 in
n is the gold; the test is the exact binomial one, for each number of options, corrected for the
number of tests (Bonferroni). Items whose text gives the answer away on purpose (the family
``leaky``) are what a voter can prove itself on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Knowledge:
    """How often the options that a voter holds without audio are the gold.

    Attributes:
        held: items on which it holds an option.
        right: those on which that is the gold.
        p: chance of so many by luck, the smallest over numbers of options, corrected for their
            count.
        shown: whether `p` is low enough: the voter knows some answers.
    """

    held: int
    right: int
    p: float
    shown: bool


def luck(right: int, held: int, options: int) -> float:
    """The chance that at least `right` of `held` guesses among `options` options are the gold."""
    from scipy.special import bdtrc

    return 1.0 if right <= 0 else float(bdtrc(right - 1, held, 1 / options))


def knowledge(counts: Mapping[int, tuple[int, int]], alpha: float, voters: int) -> Knowledge:
    """Whether one voter of a panel is shown to know answers without audio.

    Args:
        counts: number of options -> (right, held).
        alpha: the chance, over the whole panel, that a voter that cannot know is shown to.
        voters: size of the panel.
    """
    tests = [luck(right, held, options) for options, (right, held) in counts.items() if held]
    p = min(1.0, len(tests) * min(tests)) if tests else 1.0
    return Knowledge(
        sum(held for _, held in counts.values()),
        sum(right for right, _ in counts.values()),
        p,
        p <= alpha / voters,
    )
