"""From votes to a label, a reason and a `Contribution` for each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harken.ask.conditions.clip import subset_name
from harken.ask.option_order import fixed_order
from harken.curate.contribution import (
    Ballot,
    Quorum,
    bits_of,
    changes,
    log2,
    settled,
    silence_vote,
)
from harken.curate.shapley import Subset, interaction, shapley, subsets
from harken.item import Contribution, Item
from harken.models.base import Sampling

Votes = dict[str, dict[str, Ballot]]
"""Condition -> item id -> ballot, of one voter."""


@dataclass(frozen=True, slots=True)
class CurateSettings:
    """How votes become labels.

    Attributes:
        alpha: bits: largest share of audio-only items that may be weak by chance.
        mass: bits: probability a voter must give the option it is settled on.
        need: silence-vote: voters that must be right; None: a majority (2 of 3).
        shapley: bits: also ask what Shapley shares need (2^k conditions for k clips).
        batch: prompts per batch.
        scorer: what counts as right, a name of `harken.ask.scorers.load`.
        max_failed: largest share of failed requests that is not an error.
        sampling: how voters without probabilities reply, and the room they have.
    """

    alpha: float = 0.01
    mass: float = 0.5
    need: int | None = None
    shapley: bool = True
    batch: int = 64
    max_failed: float = 0.1
    scorer: str = "strict"
    sampling: Sampling = field(default_factory=Sampling)


class Labels:
    """Turns votes into (label, reason, Contribution)."""

    def __init__(
        self,
        names: Sequence[str],
        votes: Sequence[Votes],
        quorums: Mapping[int, Quorum],
        settings: CurateSettings,
        rule: str,
        seed: int,
    ) -> None:
        """`quorums` is empty for the silence vote."""
        self._names, self._votes, self._quorums = names, votes, quorums
        self._settings, self._rule, self._seed = settings, rule, seed
        self.uses_audio = [changes(own["audio"], own["none"]) for own in votes]
        # A voter that ignores the audio has 0 bits everywhere; pooled with one that uses it, it
        # would only dilute the bits.
        self._pool = [i for i, uses in enumerate(self.uses_audio) if uses] or range(len(votes))

    def of(self, item: Item) -> tuple[str, str, Contribution | None]:
        """(label, why, contribution)."""
        if len(item.choices) < 2:
            return "dropped", "an open question: the rules need choices", None
        if self._rule != "silence-vote" and (fixed := fixed_order(item)):
            return (
                "dropped",
                f"asked in one order, which cannot tell knowing from luck: {fixed}",
                None,
            )
        return self._by_vote(item) if self._rule == "silence-vote" else self._by_bits(item)

    def _by_vote(self, item: Item) -> tuple[str, str, Contribution | None]:
        cast = [own["silence-30"].get(item.id) or own["none"].get(item.id) for own in self._votes]
        valid = [vote for vote in cast if vote is not None and not vote.failed]
        need = self._settings.need or len(self._votes) // 2 + 1
        if len(valid) < need:
            return "dropped", f"{len(valid)} voters answered and {need} are needed", None
        right = [vote.picks[0] == item.gold for vote in valid]
        label = "weak" if silence_vote(right, need) else "strong"
        why = f"{sum(right)} of {len(right)} right in silence, {need} make it weak"
        own = Contribution(
            label, self._rule, text_only_right=sum(right), text_only_asked=len(right)
        )
        return label, why, own

    def _by_bits(self, item: Item) -> tuple[str, str, Contribution | None]:
        cast = [own["none"].get(item.id) for own in self._votes]
        asked = sum(vote is not None and not vote.failed for vote in cast)
        if not asked:
            return "dropped", "all voters failed on it", None
        row = [settled(vote, self._settings.mass) for vote in cast]
        rule = self._quorums[len(item.choices)]
        knowing = [name for name, held in zip(self._names, row, strict=True) if held == item.gold]
        label = "weak" if rule.weak(row, item.gold) else "strong"
        if label == "weak":
            why = f"known without audio by {' and '.join(knowing)}"
        elif knowing and not rule.sets:
            why = (
                f"undecided: too few items or voters to tell whether {knowing[0]} knows or guesses"
            )
        elif knowing:
            why = f"held without audio by {' and '.join(knowing)} only, which chance can do"
        else:
            why = "no voter knows it without audio"
        voters = self._bits(item)
        pooled = [voters[i] for i in self._pool if i in voters]
        bits = sum(pooled) / len(pooled) if pooled else None
        shares, tie = self._shares(item)
        own = Contribution(
            label=label,
            rule=self._rule,
            bits=None if bits is None else round(bits, 6),
            voters=tuple((self._names[i], round(value, 6)) for i, value in voters.items()),
            text_only_right=len(knowing),
            text_only_asked=asked,
            shapley=shares,
            interaction=tie,
        )
        return label, why if bits is None else f"{why}; the audio adds {bits:.2f} bits", own

    def _bits(self, item: Item) -> dict[int, float]:
        found = {}
        for i, own in enumerate(self._votes):
            value = bits_of(own["audio"].get(item.id), own["none"].get(item.id), item.gold)
            if value is not None:
                found[i] = value
        return found

    def _shares(self, item: Item) -> tuple[tuple[float, ...], float | None]:
        """Shapley shares and interaction, averaged over the voters that give all values."""
        size = len(item.clips)
        if size < 2 or not self._settings.shapley:
            return (), None
        needed = subsets(size, self._seed)
        games = [g for i in self._pool if (g := self._game(i, item, needed)) is not None]
        if not games:
            return (), None
        mean = {subset: sum(game[subset] for game in games) / len(games) for subset in needed}
        shares = tuple(round(share, 6) + 0.0 for share in shapley(mean, size, self._seed))
        return shares, round(interaction(mean), 6) + 0.0 if size == 2 else None

    def _game(self, voter: int, item: Item, needed: Sequence[Subset]) -> dict[Subset, float] | None:
        values: dict[Subset, float] = {}
        for subset in needed:
            vote = self._votes[voter][subset_name(subset, len(item.clips))].get(item.id)
            if vote is None or vote.failed or vote.chances is None:
                return None
            values[subset] = log2(vote.chances[item.gold])
        return values
