"""The learner as rewards see it: asked for replies and probabilities, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from harken.ask.rewards.base import SampledReply
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.reply_logprobs import reply_logprobs
from harken.models.learner import Learner

_CHUNK = 16
"""Replies whose logits are in memory at once."""


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
        found: list[float] = []
        for start in range(0, len(asked), _CHUNK):
            found += mean_logprobs(self._learner, asked[start : start + _CHUNK])
        return found


@torch.no_grad()
def mean_logprobs(learner: Learner, replies: Sequence[TokenizedPrompt]) -> list[float]:
    """Mean log-probability (nats a token) of each reply."""
    values, rows = reply_logprobs(learner.engine, replies)
    sums = torch.zeros(len(replies), device=values.device).index_add(0, rows, values)
    return [float(total) / one.answer for total, one in zip(sums, replies, strict=True)]


def with_reply(prompt: TokenizedPrompt, ids: Sequence[int]) -> TokenizedPrompt:
    """`prompt` followed by sampled tokens, without an added ``<eos>``."""
    return replace(prompt, ids=(*prompt.ids, *ids), answer=len(ids))
