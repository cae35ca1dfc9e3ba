"""A reward: minus 1 for a reply that hedges ("maybe", "probably"), else 0.

Use: ``build_reward("accuracy=1,hedging=0.3", {"hedging": {"words": ("maybe", "perhaps")}})`` with
``HARKEN_PLUGINS=reward_hedging.py``; see `harken.ask.rewards.load`.
"""

import re

from harken.ask.rewards.base import Reward, RewardFunction
from harken.ask.rewards.load import REWARDS
from harken.item import Item
from harken.models.base import Prompt


def build(*, words: tuple[str, ...] = ("maybe", "probably", "perhaps", "might")) -> RewardFunction:
    hedge = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        return -float(bool(hedge.search(text)))

    return reward


REWARDS.add(Reward("hedging", "minus 1 for a reply that hedges", build))
