"""The shape of a reward.

One file a reward. Most need one reply and nothing else::

    def build(*, limit: int = 32) -> RewardFunction:   # settings are keywords with defaults
        def reward(item: Item, prompt: Prompt, text: str) -> float: ...
        return reward
    REWARD = Reward("name", "what is rewarded, in a sentence", build)

One that asks a model (a judge, or the model that is trained: without the audio, with the options in
another order) gets all replies of a step at once::

    def build() -> BatchReward:
        def rewards(replies: Sequence[SampledReply], trained: TrainedModel) -> list[Worth]: ...
        return rewards
    REWARD = Reward("name", "what is rewarded", build, batch=True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

RewardFunction = Callable[[Item, Prompt, str], float]
"""``(item, prompt, the reply's text)`` -> its worth."""

NOT_APPLICABLE: Literal["not applicable"] = "not applicable"
"""What a reward says of an item that it has nothing to say about: it adds nothing there."""

Worth = float | Literal["not applicable"] | None
"""What one reward says of one reply. None: it should have a worth, and none could be found out (a
judge that failed); such a reply is left out of its group."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledReply:
    """One sampled reply, as rewards see it.

    Attributes:
        item: the question.
        prompt: as it was put, with the options in this order.
        text: the reply.
        cut_off: its room was used up before it ended.
        ids: its tokens, where they are known.
    """

    item: Item
    prompt: Prompt
    text: str
    cut_off: bool = False
    ids: tuple[int, ...] = ()


class TrainedModel(Protocol):
    """What a reward may ask: the model that is trained, with the weights that gave the replies.

    Attributes:
        style: how its prompts are written.
        items: all items of the stage (whose clips may be swapped in).
        seed: of the stage.
    """

    style: PromptStyle
    items: Sequence[Item]
    seed: int

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """A reply to each prompt."""
        ...

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Log-probability (nats) of each shown choice, normalised over the prompt's choices."""
        ...

    def reply_logprobs(
        self, prompts: Sequence[Prompt], replies: Sequence[SampledReply]
    ) -> list[float]:
        """Mean log-probability (nats a token) of each sampled reply after another prompt."""
        ...


BatchReward = Callable[[Sequence[SampledReply], TrainedModel], list[Worth]]
"""``(all replies of a step, the trained model)`` -> the worth of each, in order."""


def any_item(item: Item) -> bool:
    """True: the reward has something to say about every item."""
    return True


def has_clips(item: Item) -> bool:
    """Whether the reward has something to say: it is about the audio, and there is some."""
    return bool(item.clips)


@dataclass(frozen=True, slots=True)
class Reward:
    """What a reply is worth.

    Attributes:
        name: as in ``accuracy=1,format=0.2``.
        about: what is rewarded, in a sentence.
        build: ``build(**settings)`` -> `RewardFunction`; settings are keywords with defaults.
        batch: `build` gives a `BatchReward`.
        applies: whether it has something to say about replies to an item.
        open_ended: it can tell good answers to open-ended questions from bad ones.
    """

    name: str
    about: str
    build: Callable[..., RewardFunction | BatchReward]
    batch: bool = False
    applies: Callable[[Item], bool] = any_item
    open_ended: bool = False
