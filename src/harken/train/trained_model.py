"""The learner as rewards see it: asked for replies and probabilities, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from harken.ask.rewards.base import SampledReply
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.reply_logprobs import fixed_logprobs
from harken.models.learner import Learner


class LearnerView:
    """See `harken.ask.rewards.base.TrainedModel`."""

    def __init__(self, learner: Learner, items: Sequence[Item], seed: int) -> None:
        self._learner = learner
        self.style = learner.style
        self.items = items
        self.seed = seed

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """A reply to each prompt."""
        return self._learner.generate(prompts, sampling)

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Log-probability (nats) of each shown choice, normalised over the prompt's choices."""
        return self._learner.choice_logprobs(prompts)

    def reply_logprobs(
        self, prompts: Sequence[Prompt], replies: Sequence[SampledReply]
    ) -> list[float]:
        """Mean log-probability (nats a token) of each sampled reply after another prompt."""
        asked = [
            with_reply(self._learner.tokenize(prompt), one.ids)
            for prompt, one in zip(prompts, replies, strict=True)
        ]
        return mean_logprobs(self._learner, asked)


def mean_logprobs(learner: Learner, replies: Sequence[TokenizedPrompt]) -> list[float]:
    """Mean log-probability (nats a token) of each reply."""
    if not replies:
        return []
    values = fixed_logprobs(learner.engine, replies)
    own = torch.split(values, [one.answer for one in replies])
    return [float(one.sum()) / len(one) for one in own]


def with_reply(prompt: TokenizedPrompt, ids: Sequence[int]) -> TokenizedPrompt:
    """`prompt` followed by sampled tokens, without an added ``<eos>``."""
    return replace(prompt, ids=(*prompt.ids, *ids), answer=len(ids))
