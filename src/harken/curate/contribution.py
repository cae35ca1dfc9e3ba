"""Weak or strong: the rule of AudioMCQ, and a rule that controls for chance.

**silence-vote** (AudioMCQ, arXiv 2509.21060): each voter answers once under 30 s of silence; weak
if at least 2 of 3 are right (a majority for other panels). Three guessers at four options are right
by chance on 3 · (1/4)² · (3/4) + (1/4)³ = 10/64 = 15.6 % of the items, whatever the text says.

**audio-dependence** (the audio-dependency filter of DCASE 2026, Task 5): weak if a majority of the
voters with audio input is right under silence, or a majority of all is right without audio, or the
text alone gives the answer, on average over voters and rotations, at least half of the probability.
The challenge names these steps (silence, an LLM's common sense, perplexity) and a check by hand,
and publishes no thresholds: these are ours.

**bits**: the contribution in bits is the pointwise V-information of the audio (Ethayarajh et al.,
arXiv 2110.08420; V-information: Xu et al., arXiv 2002.10689),

    log2 p(gold | question, audio) − log2 p(gold | question),

with p averaged over all cyclic rotations of the options, per voter. It is a degree, and noisy at
p near chance; so it does not give the label. The label says whether the answer is *known*
without audio:

1. A voter is **settled** on an option if, without audio, it picks that option under all n rotations
   and gives it at least half of its probability (where it gives any): more than all others
   together. One that chooses by position never is. One that guesses independently for every
   prompt is settled on the gold in n^-n of the items: 0.4 % for 4 options, 25 % for 2. One with a
   bias (the longest option) is settled everywhere, and on the gold by chance in 1/n of the items.
   And voters share biases. So right answers on one item alone cannot separate luck from knowledge.
2. The **wrong options measure chance**. To a voter that does not know, the gold is one of n
   options like any other (if it stands out, the text leaks: that is what the rule looks for). So a
   set K of voters settles together on the gold of an audio-only item as often as on any one wrong
   option, and that rate is measured, with all dependence between rotations and between voters in
   it: (items, wrong options settled on by all of K) / ((n − 1) · items not called weak). This is
   the target-decoy estimate of false discoveries (Elias and Gygi 2007), with the wrong options as
   decoys. Items called weak are left out of the denominator, since leaky items never show decoys.
3. The **quorum** is a family of such sets, taken in order of their rate for as long as the whole
   family's rate, at its one-sided 95 % Wilson bound, stays at most `alpha` (1 %). An item is weak
   if all voters of some set of the quorum are settled on its gold. Options are counted apart: each
   number of options has its quorum.
4. With **few items** no rate that low can be measured (even without a single decoy it takes 268
   wrong options). Then a set must have no decoy at all, and chance is computed instead, for
   voters that guess independently: the sum over sets of n^(−n·|K|) must be at most `alpha`. So
   one voter is enough at four options, two at three, and four at two options. Where nothing
   passes, nothing is called weak, and items on which some voter is settled are labelled undecided:
   an item that is strong by mistake costs some training on an easy question, one that is weak by
   mistake loses a question that needs the audio.

5. How **sure** a voter is without knowing differs by voter: one that was fine-tuned on such
   questions holds most options with more than half of its probability. So points 1 to 4 are done
   with several least probabilities (`MASSES`), and the one that finds most weak items is taken: a
   score threshold at a given rate of decoys, as target-decoy search sets it.

What is not weak is strong only where voters that are shown to know answers voted on it
(`harken.curate.knowledge`), else undecided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harken.ask.record import Record
from harken.stats.measures import wilson

RULES = ("bits", "silence-vote", "audio-dependence")

_Z_ONE_SIDED = 1.6448536269514722  # 95 %
MASSES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Least probabilities that are tried for a voter to be settled."""

_LARGEST_SET = 4  # voters in a set of a quorum, for panels of more than 5 (else any number)

Settled = npt.NDArray[np.int64]
"""(items, voters): the option each voter is settled on, -1 for none."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One voter's answers to one item under one condition, over the rotations asked.

    Attributes:
        picks: position in ``item.choices`` by rotation; None where no choice was named.
        chances: mean probability of each choice, in the order of ``item.choices``, or None.
        failed: some request failed: the voter is not counted on this item.
    """

    picks: tuple[int | None, ...]
    chances: tuple[float, ...] | None = None
    failed: bool = False


Votes = defaultdict[str, dict[str, Ballot]]
"""Condition -> item id -> ballot, of one voter."""


def ballot(records: Sequence[Record]) -> Ballot:
    """The ballot from one item's records under one condition, averaged over rotations."""
    picks: list[int | None] = []
    rows = []
    for record in records:
        order = record["order"]
        shown = record["choices"].index(record["parsed"]) if record["parsed"] is not None else None
        picks.append(None if shown is None else order[shown])
        if record["logprobs"] is not None:
            row = np.zeros(len(order))
            row[order] = np.exp(record["logprobs"])
            rows.append(row)
    whole = rows and len(rows) == len(records)
    return Ballot(
        tuple(picks),
        tuple(float(p) for p in np.mean(rows, axis=0)) if whole else None,
        any(record["outcome"] == "failed" for record in records),
    )


def settled(vote: Ballot | None, mass: float = 0.5) -> int:
    """The option a voter picks under every rotation, with at least `mass`; -1 if none.

    One rotation alone says nothing: a preferred position is picked in it as well.
    """
    if vote is None or vote.failed or len(vote.picks) < 2:
        return -1
    first = vote.picks[0]
    if first is None or any(pick != first for pick in vote.picks):
        return -1
    return first if vote.chances is None or vote.chances[first] >= mass else -1


def silence_vote(right: Sequence[bool], need: int | None = None) -> bool:
    """The rule of AudioMCQ: weak if at least `need` voters (2 of 3; a majority) are right."""
    return sum(right) >= (len(right) // 2 + 1 if need is None else need)


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who must be settled on the gold for an item of `options` options to be weak.

    Attributes:
        options: the number of options.
        sets: voters by position; any one set suffices. Empty: nothing can be called weak.
        decoys: (item, wrong option) pairs the quorum is settled on.
        chances: number of possible pairs: (n − 1) · items not called weak.
        bound: upper bound on the share of audio-only items that are weak by chance.
        measured: whether `bound` is measured on decoys, or computed because items are few.
        mass: the probability with which a voter must hold an option to be settled on it.
        tried: least probabilities that gave different sets of settled options, and a quorum.
    """

    options: int
    sets: tuple[tuple[int, ...], ...]
    decoys: int
    chances: int
    bound: float
    measured: bool
    mass: float = MASSES[0]
    tried: int = 1

    def weak(self, row: Sequence[int], gold: int) -> bool:
        """Whether an item with this gold and these settled options is weak."""
        return any(all(row[voter] == gold for voter in members) for members in self.sets)


def best_quorum(
    ballots: Sequence[Sequence[Ballot | None]],
    gold: Sequence[int],
    options: int,
    alpha: float = 0.01,
    mass: float = MASSES[0],
) -> Quorum:
    """The quorum that finds most weak items, over how sure a voter must be (point 5 above).

    Args:
        ballots: of each item (outer) and voter without audio.
        gold: the gold position of each item.
        options: number of options of all these items.
        alpha: largest share of audio-only items that may be weak by chance.
        mass: the least probability; of `MASSES`, larger ones are tried too.
    """
    best, most, tried = Quorum(options, (), 0, 0, 0.0, True), -1, 0
    before: Settled | None = None
    for least in (mass, *(one for one in MASSES if one > mass)):
        picks = np.array([[settled(vote, least) for vote in row] for row in ballots])
        if before is not None and (picks == before).all():
            continue
        before, found = picks, quorum(picks, gold, options, alpha)
        tried += bool(found.sets)
        right = sum(found.weak(row, own) for row, own in zip(picks.tolist(), gold, strict=True))
        if right > most:
            best, most = replace(found, mass=least), right
    return replace(best, tried=max(1, tried))


def quorum(picks: Settled, gold: Sequence[int], options: int, alpha: float = 0.01) -> Quorum:
    """Find the quorum for items of `options` options (points 2 to 4 above).

    Args:
        picks: what each voter is settled on, (items, voters).
        gold: the gold position of each item.
        options: number of options of all these items.
        alpha: largest share of audio-only items that may be weak by chance.
    """
    count, voters = picks.shape
    key = np.asarray(gold, dtype=np.int64)
    largest = voters if voters <= 5 else _LARGEST_SET
    sets = [s for size in range(1, largest + 1) for s in combinations(range(voters), size)]
    named = {members: _agreed(picks, members) for members in sets}
    wrong = {m: int(((named[m] >= 0) & (named[m] != key)).sum()) for m in sets}
    taken: list[tuple[int, ...]] = []
    picked = np.zeros((count, options), dtype=bool)
    best = Quorum(options, (), 0, count * (options - 1), 0.0, True)
    right = {m: int((named[m] == key).sum()) for m in sets}
    for members in sorted(sets, key=lambda m: (wrong[m], len(m), -right[m], m)):
        if any(set(smaller) <= set(members) for smaller in taken):
            continue  # a smaller set already covers it
        option = named[members]
        if not right[members]:
            continue  # it would label nothing and use up the error budget
        tried = picked.copy()
        rows = np.flatnonzero(option >= 0)
        tried[rows, option[rows]] = True
        found = _bounded(tried, key, (*taken, members), alpha)
        if found.bound <= alpha:
            taken.append(members)
            picked, best = tried, found
    least = [m for m in taken if not any(set(s) < set(m) for s in taken)]
    return replace(best, sets=tuple(sorted(least)))


def _agreed(picks: Settled, members: Sequence[int]) -> Settled:
    """The option all `members` are settled on, by item; -1 where they differ."""
    own = picks[:, list(members)]
    return np.where((own == own[:, :1]).all(axis=1), own[:, 0], -1)


def _bounded(
    picked: npt.NDArray[np.bool_], gold: Settled, sets: tuple[tuple[int, ...], ...], alpha: float
) -> Quorum:
    """The quorum of `sets` with its bound: measured if enough items are left, else computed."""
    options = picked.shape[1]
    known = picked[np.arange(len(gold)), gold]
    decoys = int(picked.sum() - known.sum())
    chances = (options - 1) * int((~known).sum())
    measurable = chances > 0 and wilson(0, chances, _Z_ONE_SIDED)[1] <= alpha
    if measurable or decoys:
        bound = wilson(decoys, chances, _Z_ONE_SIDED)[1]
        return Quorum(options, sets, decoys, chances, bound, True)
    independent = sum(float(options) ** (-options * len(members)) for members in sets)
    return Quorum(options, sets, decoys, chances, independent, False)


def bits_of(audio: Ballot | None, text_only: Ballot | None, gold: int) -> float | None:
    """log2 p(gold | audio) − log2 p(gold | no audio) of one voter; None without probabilities."""
    if audio is None or text_only is None or audio.failed or text_only.failed:
        return None
    if audio.chances is None or text_only.chances is None:
        return None
    return log2(audio.chances[gold]) - log2(text_only.chances[gold])


def log2(chance: float) -> float:
    """log2 with a floor at 2^-40, so that a probability of 0 stays finite."""
    return float(np.log2(max(chance, 2.0**-40)))


def changes(audio: Mapping[str, Ballot], text_only: Mapping[str, Ballot]) -> bool:
    """Whether a voter's probabilities ever depend on the audio, over all items it answered."""
    return any(
        audio[name].chances != text_only[name].chances for name in audio if name in text_only
    )
