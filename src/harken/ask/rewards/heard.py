"""heard: 1 for a reply that is right where the model is not right without the audio, else 0.

The trained model itself is asked without the audio, with the weights that gave the replies: for the
probability of the right option, or (open-ended items) for its most probable reply. Where it is
right from the text alone, no reply to the item earns anything, so the group moves nothing: what
training rewards is what was heard. This is the filter of AudioMCQ (arXiv 2509.21060, right with the
audio and not with silence), of the model as it is now instead of three other models beforehand.

With ``soft`` a right reply earns 1 - p, p the probability of the right option without audio. All
right replies of a group earn the same then, so scaling by the standard deviation undoes it: use it
with ``scale: none``, or beside other rewards. With ``known`` the share of voters that `harken
curate` found right without audio is p, where an item has one, and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from harken.ask.conditions.load import condition_of, conditioned
from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import (
    NOT_APPLICABLE,
    BatchReward,
    Reward,
    SampledReply,
    TrainedModel,
    Worth,
    has_clips,
)
from harken.ask.score import score
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling


def build(
    *, without: str = "none", soft: bool = False, known: bool = False, max_tokens: int = 64
) -> BatchReward:
    """The reward.

    Args:
        without: the condition that takes the audio away: ``none``, ``silence``, ``silence-30``.
        soft: earn 1 - p instead of 1 or 0.
        known: take p from an item's contribution where it is there.
        max_tokens: of replies to open-ended questions without audio.

    Raises:
        ConfigError: there is no such condition, or it leaves the audio as it is.
    """
    if not condition_of(without)[0].control:
        raise ConfigError(
            f"heard is without {without!r}, which leaves sound of the item",
            hint="Use none, silence or silence-30.",
        )

    def rewards(replies: Sequence[SampledReply], trained: TrainedModel) -> list[Worth]:
        first = {one.item.id: one for one in reversed(replies)}
        shares: dict[str, Worth] = {}
        if known:
            shares = {name: share for name, one in first.items()
                      if (share := _known(one.item)) is not None}  # fmt: skip
        asked = [one for name, one in first.items() if name not in shares]
        reasons: dict[str, str] = {}
        pairs = conditioned([one.item for one in asked], without, trained.seed, reasons)
        prompts = {
            item.id: make_prompt(changed, trained.style, order=one.prompt.order or None)
            for one, (item, changed) in zip(asked, pairs, strict=True)
            if changed is not None
        }
        shares |= _shares(prompts, {one.item.id: one.item for one in asked}, trained, max_tokens)
        shares |= dict.fromkeys(reasons, NOT_APPLICABLE)
        return [_worth(one, shares[one.item.id], soft) for one in replies]

    return rewards


def _known(item: Item) -> float | None:
    """The share of voters that were right without audio; None where it was not measured."""
    own = item.contribution
    return own.text_only_right / own.text_only_asked if own and own.text_only_asked else None


def _shares(
    prompts: dict[str, Prompt], items: dict[str, Item], trained: TrainedModel, max_tokens: int
) -> dict[str, Worth]:
    """Item id -> p; for open-ended items, 1 where the most probable reply is right, else 0."""
    closed = {name: prompt for name, prompt in prompts.items() if prompt.choices}
    found: dict[str, Worth] = {}
    for (name, prompt), values in zip(
        closed.items(), trained.choice_logprobs(list(closed.values())), strict=True
    ):
        gold = prompt.order.index(items[name].gold)
        found[name] = None if values is None else exp(values[gold])
    rest = {name: prompt for name, prompt in prompts.items() if not prompt.choices}
    sampling = Sampling(max_tokens=max_tokens)
    for (name, prompt), reply in zip(
        rest.items(), trained.generate(list(rest.values()), sampling), strict=True
    ):
        found[name] = score(items[name], prompt, reply).value
    return found


def _worth(one: SampledReply, share: Worth, soft: bool) -> Worth:
    if share is None or share == NOT_APPLICABLE:
        return share
    right = score(one.item, one.prompt, Reply(one.text)).value or 0.0
    # From a half on, the right option is more probable than all others together.
    return right * (1.0 - float(share) if soft else float(share < 0.5))


REWARD = Reward(
    "heard",
    "1 for a reply that is right where the model is not right without the audio",
    build,
    batch=True,
    applies=has_clips,
)
