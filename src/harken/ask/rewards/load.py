"""Rewards by name, and several of them as one weighted sum: ``accuracy=1,format=0.2``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

from harken.ask.rewards.base import Reward, RewardFunction
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Prompt
from harken.registry import Registry, nearest

REWARDS: Registry[Reward] = Registry(
    "reward",
    {
        "accuracy": "harken.ask.rewards.accuracy:REWARD",
        "format": "harken.ask.rewards.format:REWARD",
        "length": "harken.ask.rewards.length:REWARD",
    },
    shape="harken.ask.rewards.base:Reward",
)

_HINT = "Write NAME=WEIGHT, separated by commas: accuracy=1,format=0.2"


def parse_rewards(text: str) -> dict[str, float]:
    """``"accuracy=1,format=0.2"`` -> name to weight; a name alone has weight 1.

    Raises:
        ConfigError: an unknown reward (the nearest names are told), one named twice, a weight that
            is no number, no reward at all, or only weights of 0.
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        REWARDS.get(name)
        try:
            weight = float(number) if equals else 1.0
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise ConfigError(f"the weight {number!r} of {name} is no number", hint=_HINT)
        if name in found:
            raise ConfigError(f"the reward {name!r} is named twice", where=text, hint=_HINT)
        found[name] = weight
    if not found:
        raise ConfigError("no reward is named", where=repr(text), hint=_HINT)
    if not any(found.values()):
        raise ConfigError("all weights are 0: every reply would be worth the same", where=text)
    return found


def build_reward(
    weights: str | Mapping[str, float], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> RewardFunction:
    """The weighted sum of several rewards as one function.

    Args:
        weights: as `parse_rewards` reads or gives them.
        settings: reward -> its settings, such as ``{"length": {"limit": 64}}``.

    Raises:
        ConfigError: an unknown reward or setting, or settings of a reward that has no weight.
    """
    shares = parse_rewards(weights) if isinstance(weights, str) else dict(weights)
    settings = settings or {}
    for name in settings:
        if name not in shares:
            raise ConfigError(f"{name!r} has settings and no weight", hint=nearest(name, shares))
    parts = [(share, _built(name, settings.get(name, {}))) for name, share in shares.items()]

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        return math.fsum(share * part(item, prompt, text) for share, part in parts)

    return reward


def _built(name: str, settings: Mapping[str, Any]) -> RewardFunction:
    build = REWARDS.get(name).build
    known = list(inspect.signature(build).parameters)
    for setting in settings:
        if setting not in known:
            hint = nearest(setting, known) if known else "It has none."
            raise ConfigError(f"the reward {name!r} has no setting {setting!r}", hint=hint)
    return build(**settings)
