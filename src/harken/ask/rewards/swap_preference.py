"""swap-preference: how much more probable a right reply is with its audio than with another's.

sigmoid(sharpness * (mean log p(token | audio) - mean log p(token | another item's audio))) for a
right reply, 0 for a wrong one. After the input-contrastive half of ACPO (arXiv 2604.14129), which
swaps audio tracks so that a generation that does not depend on the sound is penalised.

Departures: ACPO is a preference loss on written pairs (DPO); here the preference is a reward of
sampled replies, a mean over tokens so that length plays no part, without DPO's reference model. Its
output-contrastive half (visual descriptions as negatives) has no counterpart without video.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harken.ask.conditions.load import conditioned
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
from harken.models.base import Reply


def build(*, sharpness: float = 1.0) -> BatchReward:
    """The reward.

    Raises:
        ConfigError: `sharpness` is not above 0.
    """
    if not 0 < sharpness < math.inf:
        raise ConfigError(f"swap-preference has sharpness {sharpness}", hint="Use more than 0.")
    donors: dict[str, Item | None] = {}

    def rewards(replies: Sequence[SampledReply], trained: TrainedModel) -> list[Worth]:
        if not donors:  # one derangement of the whole stage
            pairs = conditioned(trained.items, "swap", trained.seed)
            donors.update({item.id: changed for item, changed in pairs})
        found: list[Worth] = []
        asked: list[int] = []
        for place, one in enumerate(replies):
            if donors.get(one.item.id) is None:
                found.append(NOT_APPLICABLE)
                continue
            found.append(score(one.item, one.prompt, Reply(one.text)).value or 0.0)
            if found[-1]:
                asked.append(place)
        right = [replies[place] for place in asked]
        own = trained.reply_logprobs([one.prompt for one in right], right)
        swapped = [donors[one.item.id] for one in right]
        others = trained.reply_logprobs(
            [make_prompt(item, trained.style, order=one.prompt.order or None)
             for item, one in zip(swapped, right, strict=True) if item is not None],
            right,
        )  # fmt: skip
        for place, mine, other in zip(asked, own, others, strict=True):
            found[place] = 1.0 / (1.0 + math.exp(-max(-50.0, sharpness * (mine - other))))
        return found

    return rewards


REWARD = Reward(
    "swap-preference",
    "0 to 1: how much more probable a right reply is with its audio than with another item's",
    build,
    batch=True,
    applies=has_clips,
)
