"""choice-permuted: how often the model names the option of a reply when options change places.

The trained model is asked again, for its most probable option, with the options in other orders
(cyclic rotations of the order of the reply). A reply that names no option is worth 0. A model that
is consistently wrong gets it too: use it beside ``accuracy``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.ask.option_order import fixed_order
from harken.ask.parse import parse
from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import (
    NOT_APPLICABLE,
    BatchReward,
    Reward,
    SampledReply,
    TrainedModel,
    Worth,
)
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Prompt


def build(*, orders: int = 2) -> BatchReward:
    """The reward.

    Args:
        orders: further orders in which each question is asked, where it has as many.

    Raises:
        ConfigError: `orders` is below 1.
    """
    if orders < 1:
        raise ConfigError(f"choice-permuted has orders {orders}", hint="Use 1 or more.")

    def rewards(replies: Sequence[SampledReply], trained: TrainedModel) -> list[Worth]:
        prompts: dict[tuple[str, tuple[int, ...]], Prompt] = {}
        for one in replies:
            for order in _others(one, orders):
                key = (one.item.id, order)
                prompts.setdefault(key, make_prompt(one.item, trained.style, order=order))
        logprobs = trained.choice_logprobs(list(prompts.values()))
        named = {
            key: None if values is None else prompt.order[int(np.argmax(values))]
            for (key, prompt), values in zip(prompts.items(), logprobs, strict=True)
        }
        return [_worth(one, [named[one.item.id, order] for order in _others(one, orders)])
                for one in replies]  # fmt: skip

    return rewards


def _others(one: SampledReply, orders: int) -> list[tuple[int, ...]]:
    """The rotations of the order in which the options were shown, without that order itself."""
    shown = one.prompt.order
    turned = [shown[k:] + shown[:k] for k in range(1, len(shown))]
    return turned[:orders]


def _worth(one: SampledReply, named: Sequence[int | None]) -> Worth:
    """The share of other orders with the option of the reply; None: the model gave no option."""
    if not named:
        return NOT_APPLICABLE
    if any(choice is None for choice in named):
        return None
    choice = parse(one.text, one.prompt).choice
    return 0.0 if choice is None else sum(choice == other for other in named) / len(named)


def _may_be_permuted(item: Item) -> bool:
    """At least two options, none of which speaks of their order."""
    return len(item.choices) > 1 and not fixed_order(item)


REWARD = Reward(
    "choice-permuted",
    "the share of other orders of the options in which the model names the same option",
    build,
    batch=True,
    applies=_may_be_permuted,
)
