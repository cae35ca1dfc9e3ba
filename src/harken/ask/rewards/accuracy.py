"""accuracy: 1 for a reply that the scorer calls correct, else 0."""

from __future__ import annotations

from harken.ask.rewards.base import Reward, RewardFunction
from harken.ask.scorers.load import SCORERS, STRICT
from harken.item import Item
from harken.models.base import Prompt, Reply


def build(*, scorer: str = STRICT) -> RewardFunction:
    """The value that the scorer called `scorer` gives; raises ConfigError if there is none."""
    score = SCORERS.get(scorer).score

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        return score(item, prompt, Reply(text)).value or 0.0

    return reward


REWARD = Reward("accuracy", "1 for a right reply, else 0, by the scorer of evaluations", build)
