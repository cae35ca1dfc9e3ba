"""Which voters are shown to know answers without audio: only their not knowing is evidence.

A question is strong if voters that can know do not know it. A voter that guesses, or that always
holds the longest option, does not know it either, and that tells nothing. So voters are tested on
the items themselves: are the options they hold without audio the gold more often than luck? To a
voter that cannot know, the gold is one of n options like any other, so of the options it holds 1 in
n is the gold; the test is the exact binomial one, corrected for the number of tests (Bonferroni).

``bits`` tests each quorum: an item of it is *known*, a wrong option it is settled on is not. A
voter that is better than chance but also often settled on wrong options makes no quorum: nobody can
say which single answers it knows, or that it does not know one. ``silence-vote`` tests each voter.
Items whose text gives the answer away on purpose (the family ``leaky``) are what voters can prove
themselves on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Knowledge:
    """How often the options held without audio are the gold.

    Attributes:
        held: options held.
        right: those that are the gold.
        p: the chance of so many by luck, corrected for the number of tests.
        shown: whether that is low enough: some answers are known.
    """

    held: int = 0
    right: int = 0
    p: float = 1.0
    shown: bool = False


def luck(right: int, held: int, options: int) -> float:
    """The chance that at least `right` of `held` guesses among `options` options are the gold."""
    from scipy.special import bdtrc

    return 1.0 if right <= 0 else float(bdtrc(right - 1, held, 1 / options))


def knowledge(counts: dict[int, tuple[int, int]], alpha: float, tests: int) -> Knowledge:
    """Whether knowledge is shown by counts of options held.

    Args:
        counts: number of options -> (right, held).
        alpha: the chance, over all tests, that guessing is taken for knowledge.
        tests: how many such tests are made beside the one for each number of options.
    """
    p = [luck(right, held, options) for options, (right, held) in counts.items() if held]
    corrected = min(1.0, tests * len(p) * min(p)) if p else 1.0
    return Knowledge(
        sum(held for _, held in counts.values()),
        sum(right for right, _ in counts.values()),
        corrected,
        corrected <= alpha,
    )
