"""length: 0 up to a number of words, then down to -1 over as many more (DAPO, arXiv 2503.14476)."""

from __future__ import annotations

from harken.ask.rewards.base import Reward, RewardFunction
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Prompt


def build(*, limit: int = 32, over: int = 0) -> RewardFunction:
    """The penalty.

    Args:
        limit: words that cost nothing.
        over: words beyond the limit at which the penalty reaches -1; 0: as many as the limit.

    Raises:
        ConfigError: `limit` is below 1, or `over` below 0.
    """
    if limit < 1 or over < 0:
        raise ConfigError(f"length has limit {limit} and over {over}", hint="Use 1 or more words.")
    room = over or limit

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        return -min(max(len(text.split()) - limit, 0) / room, 1.0)

    return reward


REWARD = Reward("length", "a penalty that grows from 0 to -1 beyond a number of words", build)
