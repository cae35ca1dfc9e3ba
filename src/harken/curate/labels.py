"""From votes to a label, a reason and a `Contribution` for each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harken.ask.conditions.clip import subset_name
from harken.ask.option_order import fixed_order
from harken.curate.contribution import (
    Ballot,
    Quorum,
    Votes,
    bits_of,
    changes,
    log2,
    settled,
    silence_vote,
)
from harken.curate.knowledge import Knowledge, knowledge
from harken.curate.measured import control_bits
from harken.curate.shapley import Subset, interaction, shapley, subsets
from harken.item import Contribution, Item
from harken.models.base import Sampling

LABELS = ("weak", "strong", "undecided", "dropped")
"""Every label, which is also the name of its folder.

``weak`` and ``strong`` are measured; ``undecided`` are items on which the voters' answers prove
neither; ``dropped`` are items that no rule can label.
"""

UNPROVEN = (
    "the voters that answered it are not shown to know any answer without audio, "
    "so not knowing this one proves nothing"
)


@dataclass(frozen=True, slots=True)
class CurateSettings:
    """How votes become labels.

    Attributes:
        alpha: bits: largest share of audio-only items that may be weak by chance; both rules:
            the chance that voters that cannot know are taken for ones that do.
        mass: bits: the least probability that a voter must give the option it is settled on;
            larger ones are tried too. audio-dependence: that which the text may not give the gold.
        need: silence-vote, audio-dependence: voters that must be right; None: a majority (2 of 3).
        shapley: bits: also ask what Shapley shares need (2^k conditions for k clips).
        controls: further conditions that are measured beside the audio, such as ``caption``.
        early_stop: what no longer changes a label is not asked: of items that are weak, the audio
            and the controls; silence-vote: further voters, once enough are right or wrong.
        batch: prompts per batch.
        scorer: what counts as right, a name of `harken.ask.scorers.load`.
        max_failed: largest share of failed requests that is not an error.
        sampling: how voters without probabilities reply, and the room they have.
    """

    alpha: float = 0.01
    mass: float = 0.5
    need: int | None = None
    shapley: bool = True
    controls: tuple[str, ...] = ()
    early_stop: bool = False
    batch: int = 64
    max_failed: float = 0.1
    scorer: str = "strict"
    sampling: Sampling = field(default_factory=Sampling)

    def needed(self, voters: int) -> int:
        """How many of `voters` must be right: `need`, or a majority."""
        return voters // 2 + 1 if self.need is None else self.need


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
        items: Sequence[Item],
    ) -> None:
        """`quorums` is empty for the silence vote; on `items`, voters are shown to know or not."""
        self._names, self._votes, self.quorums = names, votes, quorums
        self._settings, self._rule, self._seed = settings, rule, seed
        self.uses_audio = [changes(own["audio"], own["none"]) for own in votes]
        # A voter that ignores the audio has 0 bits everywhere; pooled with one that uses it, it
        # would only dilute the bits.
        self.pool = [i for i, uses in enumerate(self.uses_audio) if uses] or range(len(votes))
        self.known = self._known_by_quorum(items) if quorums else {}
        self.knowledge = [self._known_by_voter(i, items) for i in range(len(votes))]

    def _known_by_quorum(self, items: Sequence[Item]) -> dict[int, Knowledge]:
        """What the quorum of each number of options is shown to know."""
        # A quorum is the best of all sets of voters, at the best of several least probabilities:
        # each might have looked good by luck.
        tried = 2 ** len(self._votes) - 1
        tried *= sum(rule.tried for rule in self.quorums.values() if rule.sets)
        found = {}
        for options, rule in self.quorums.items():
            own = [item for item in items if len(item.choices) == options]
            right = sum(rule.weak(self._row(item), item.gold) for item in own)
            counts = {options: (right, right + rule.decoys)} if rule.sets else {}
            found[options] = knowledge(counts, self._settings.alpha, tried)
        return found

    def _known_by_voter(self, place: int, items: Sequence[Item]) -> Knowledge:
        """What a voter is shown to know: by quorums, where the rule has them."""
        counts: dict[int, tuple[int, int]] = {}
        for item in items:
            held = self._held(place, item)
            if held >= 0:
                right, asked = counts.get(len(item.choices), (0, 0))
                counts[len(item.choices)] = right + (held == item.gold), asked + 1
        found = knowledge(counts, self._settings.alpha, len(self._votes))
        if not self.quorums:
            return found
        shown = any(
            own.shown and any(place in members for members in self.quorums[options].sets)
            for options, own in self.known.items()
        )
        return replace(found, shown=shown)

    def _row(self, item: Item) -> list[int]:
        """The option that each voter holds without the item's audio; -1 for none."""
        return [self._held(place, item) for place in range(len(self._votes))]

    def _cast(self, place: int, item: Item) -> Ballot | None:
        """The ballot of a voter without the item's audio; None if it was not asked or failed."""
        own = self._votes[place]
        vote = own["none"].get(item.id)
        if self._rule == "silence-vote":
            vote = own["silence-30"].get(item.id) or vote
        return None if vote is None or vote.failed else vote

    def _held(self, place: int, item: Item) -> int:
        """The option that a voter holds without the item's audio, by the rule; -1 for none."""
        vote = self._cast(place, item)
        if self._rule == "silence-vote":
            pick = vote.picks[0] if vote is not None else None
            return -1 if pick is None else pick
        rule = self.quorums.get(len(item.choices))
        return settled(vote, self._settings.mass if rule is None else rule.mass)

    def _judges(self, item: Item) -> int:
        """How many voters that are shown to know answers without audio voted on this item."""
        return sum(
            own.shown and self._cast(place, item) is not None
            for place, own in enumerate(self.knowledge)
        )

    def of(self, item: Item) -> tuple[str, str, Contribution | None]:
        """(label, why, contribution)."""
        if len(item.choices) < 2:
            return "dropped", "an open question: the rules need choices", None
        if self._rule != "silence-vote" and (fixed := fixed_order(item)):
            return (
                "undecided",
                f"asked in one order, which cannot tell knowing from luck: {fixed}",
                None,
            )
        by = {"silence-vote": self._by_vote, "audio-dependence": self._by_dependence}
        return by.get(self._rule, self._by_bits)(item)

    def _by_vote(self, item: Item) -> tuple[str, str, Contribution | None]:
        cast = [self._cast(place, item) for place in range(len(self._votes))]
        valid = [vote for vote in cast if vote is not None]
        need = self._settings.needed(len(self._votes))
        saved = self._saved(item)
        if len(valid) + saved < need:
            return "dropped", f"{len(valid)} voters answered and {need} are needed", None
        right = [vote.picks[0] == item.gold for vote in valid]
        why = f"{sum(right)} of {len(right)} right in silence, {need} make it weak"
        label = "weak" if silence_vote(right, need) else "strong"
        if label == "strong" and self._judges(item) < min(need, len(self._votes) - saved):
            label, why = "undecided", f"{why}; {UNPROVEN}"
        return label, why, self._counted(item, label, sum(right), len(right))

    def _by_dependence(self, item: Item) -> tuple[str, str, Contribution | None]:
        """Three steps of the filter, in their order; the fourth is a person's."""
        asked = [cast for place in range(len(self._votes)) if (cast := self._cast(place, item))]
        if not asked:
            return "dropped", "all voters failed on it", None
        for condition, how in (("silence-30", "in silence"), ("none", "without audio")):
            votes = [one for own in self._votes if (one := own[condition].get(item.id))]
            right = sum(not one.failed and one.picks[0] == item.gold for one in votes)
            need = self._settings.needed(len(votes))
            if votes and right >= need:
                why = f"{right} of {len(votes)} right {how}, {need} make it weak"
                return "weak", why, self._counted(item, "weak", right, len(votes))
        right = sum(one.picks[0] == item.gold for one in asked)
        chances = [one.chances[item.gold] for one in asked if one.chances is not None]
        mean = sum(chances) / len(chances) if chances else 0.0
        if mean >= self._settings.mass:
            label, why = "weak", f"the text gives the answer a probability of {mean:.2f}"
        elif self._judges(item) < min(need, len(asked)):
            label, why = "undecided", UNPROVEN
        else:
            label, why = "strong", "not right in silence, without audio, or by probability"
        return label, why, self._counted(item, label, right, len(asked))

    def _saved(self, item: Item) -> int:
        """How many voters were not asked, since those before them had decided."""
        if not self._settings.early_stop:
            return 0
        return sum(all(item.id not in own[name] for name in own) for own in self._votes)

    def _counted(self, item: Item, label: str, right: int, asked: int) -> Contribution:
        return Contribution(
            label,
            self._rule,
            text_only_right=right,
            text_only_asked=asked,
            controls=self._controls(item),
        )

    def _controls(self, item: Item) -> tuple[tuple[str, float], ...]:
        pool = [self._votes[place] for place in self.pool]
        return control_bits(item, pool, self._settings.controls)

    def _by_bits(self, item: Item) -> tuple[str, str, Contribution | None]:
        asked = sum(self._cast(place, item) is not None for place in range(len(self._votes)))
        if not asked:
            return "dropped", "all voters failed on it", None
        row = self._row(item)
        rule, proven = self.quorums[len(item.choices)], self.known[len(item.choices)].shown
        knowing = [name for name, held in zip(self._names, row, strict=True) if held == item.gold]
        label = "strong"
        if proven and rule.weak(row, item.gold):
            label, why = "weak", f"known without audio by {' and '.join(knowing)}"
        elif not self._judges(item):
            label, why = "undecided", UNPROVEN
        elif knowing and not proven:
            label = "undecided"
            why = f"too few items or voters to tell whether {knowing[0]} knows or guesses"
        elif knowing:
            why = f"held without audio by {' and '.join(knowing)} only, which chance can do"
        else:
            why = "no voter knows it without audio"
        voters = self._bits(item)
        pooled = [voters[i] for i in self.pool if i in voters]
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
            controls=self._controls(item),
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
        games = [g for i in self.pool if (g := self._game(i, item, needed)) is not None]
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
