"""Rewards by name, and several of them as one weighted sum: ``accuracy=1,format=0.2``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harken.ask.rewards.base import (
    BatchReward,
    Reward,
    RewardFunction,
    SampledReply,
    TrainedModel,
    Worth,
)
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
        "wer": "harken.ask.rewards.wer:REWARD",
        "time-iou": "harken.ask.rewards.time_iou:REWARD",
        "judge": "harken.ask.rewards.judge:REWARD",
        "choice-permuted": "harken.ask.rewards.choice_permuted:REWARD",
        "heard": "harken.ask.rewards.heard:REWARD",
        "swap-preference": "harken.ask.rewards.swap_preference:REWARD",
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


@dataclass(frozen=True, slots=True)
class ReplyWorth:
    """What one reply is worth.

    Attributes:
        total: the weighted sum; None if a reward could not find out its part.
        parts: reward -> its own value, before its weight; without those that do not apply.
    """

    total: float | None
    parts: dict[str, float | None]


class WeightedRewards:
    """Several rewards as one weighted sum. Use `weighted_rewards`.

    Attributes:
        weights: reward -> its weight, in the order in which they were named.
    """

    def __init__(self, weights: Mapping[str, float], settings: Mapping[str, Any]) -> None:
        self.weights = dict(weights)
        self._rewards = {name: REWARDS.get(name) for name in self.weights}
        self._built: dict[str, Any] = {
            name: _built(name, settings.get(name) or {}) for name in self.weights
        }

    def applies(self, item: Item) -> bool:
        """Whether some reward tells good replies to `item` from bad ones.

        An open-ended item needs a reward that is made for such answers.
        """
        return any(one.applies(item) and (bool(item.choices) or one.open_ended)
                   for one in self._rewards.values())  # fmt: skip

    def of(
        self, replies: Sequence[SampledReply], trained: TrainedModel | None = None
    ) -> list[ReplyWorth]:
        """The worth of each reply.

        Raises:
            ConfigError: a reward asks the trained model, and there is none.
        """
        parts: list[dict[str, float | None]] = [{} for _ in replies]
        for name, reward in self._rewards.items():
            places = [at for at, one in enumerate(replies) if reward.applies(one.item)]
            asked = [replies[at] for at in places]
            for at, value in zip(places, self._values(name, asked, trained), strict=True):
                if not isinstance(value, str):
                    parts[at][name] = value
        return [ReplyWorth(self._total(own), own) for own in parts]

    def _values(
        self, name: str, replies: Sequence[SampledReply], trained: TrainedModel | None
    ) -> list[Worth]:
        built = self._built[name]
        if not self._rewards[name].batch:
            return [built(one.item, one.prompt, one.text) for one in replies]
        if not replies:
            return []
        if trained is None:
            raise ConfigError(
                f"the reward {name!r} asks the model that is trained, and none is given",
                hint="Use it in training by grpo.",
            )
        found: list[Worth] = built(replies, trained)
        if len(found) != len(replies):
            raise ConfigError(
                f"the reward {name!r} gave {len(found)} values for {len(replies)} replies"
            )
        return found

    def _total(self, parts: Mapping[str, float | None]) -> float | None:
        values = [None if value is None else self.weights[name] * value
                  for name, value in parts.items()]  # fmt: skip
        known = [value for value in values if value is not None]
        return math.fsum(known) if len(known) == len(values) else None


def weighted_rewards(
    weights: str | Mapping[str, float], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> WeightedRewards:
    """The weighted sum of several rewards, those that ask a model among them.

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
    return WeightedRewards(shares, settings)


def build_reward(
    weights: str | Mapping[str, float], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> RewardFunction:
    """The weighted sum of rewards that need one reply and nothing else, as one function.

    Arguments and errors are those of `weighted_rewards`; a reward that asks a model is one too.
    """
    rewards = weighted_rewards(weights, settings)
    for name in rewards.weights:
        if REWARDS.get(name).batch:
            raise ConfigError(
                f"the reward {name!r} asks a model about all replies at once",
                hint="Use harken.ask.rewards.load.weighted_rewards.",
            )

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        return rewards.of([SampledReply(item, prompt, text)])[0].total or 0.0

    return reward


def _built(name: str, settings: Mapping[str, Any]) -> RewardFunction | BatchReward:
    build = REWARDS.get(name).build
    known = list(inspect.signature(build).parameters)
    for setting in settings:
        if setting not in known:
            hint = nearest(setting, known) if known else "It has none."
            raise ConfigError(f"the reward {name!r} has no setting {setting!r}", hint=hint)
    return build(**settings)
