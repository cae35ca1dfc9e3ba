"""The shape of a reward.

One file a reward::

    def build(*, limit: int = 32) -> RewardFunction:   # settings are keywords with defaults
        def reward(item: Item, prompt: Prompt, text: str) -> float: ...
        return reward
    REWARD = Reward("name", "what is rewarded, in a sentence", build)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harken.item import Item
from harken.models.base import Prompt

RewardFunction = Callable[[Item, Prompt, str], float]
"""``(item, prompt, the reply's text)`` -> its worth."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What a reply is worth.

    Attributes:
        name: as in ``accuracy=1,format=0.2``.
        about: what is rewarded, in a sentence.
        build: ``build(**settings)`` -> `RewardFunction`; settings are keywords with defaults.
    """

    name: str
    about: str
    build: Callable[..., RewardFunction]
