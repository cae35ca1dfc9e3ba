"""Rollout parity: does what samples the replies have the weights that are trained?

Replies of another policy than the one that is trained make GRPO's ratios wrong without a sign of it
in the loss. It happens where a server keeps old weights, leaves out the adapters of a projector or
an encoder (vLLM#45771, sglang#28784), writes the prompt by another chat template, hears other audio
or computes in another dtype. So the log-probabilities that came with sampled replies are compared
with those of a training pass over the same tokens: before the first step, and every so many steps.
Above the tolerance the stage ends, with the likely cause: the learner is changed in one component
after the other, until it gives what the sampler gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.errors import ConfigError, HarkenError, ModelError
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.net import GROUPS
from harken.models.engine.reply_logprobs import fixed_logprobs
from harken.models.learner import Learner
from harken.train import parallel
from harken.train.grpo_settings import GrpoSettings
from harken.train.rollouts import Rollout

_EXPLAINED = 0.5
"""A change is the likely cause if with it at most this share of the difference is left."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two sets of log-probabilities of the same tokens are apart.

    Attributes:
        nats: mean absolute difference of a token.
        tokens, sequences: compared.
        worst: the largest mean of a single sequence, and its item.
    """

    nats: float
    tokens: int
    sequences: int
    worst: tuple[float, str]

    def metrics(self) -> dict[str, Any]:
        """Entries of the metrics of a step."""
        return {
            "parity_nats": round(self.nats, 6),
            "parity_tokens": self.tokens,
            "parity_sequences": self.sequences,
        }


def compare(learned: Sequence[Tensor], rollouts: Sequence[Rollout]) -> Parity:
    """Compare per sequence; tokens that the sampler has no value for (the end) are left out."""
    means, total, tokens = [], 0.0, 0
    for own, one in zip(learned, rollouts, strict=True):
        theirs = torch.tensor(one.logprobs, dtype=own.dtype)
        difference = (own[: len(theirs)].cpu() - theirs).abs()
        means.append((float(difference.mean()), one.item))
        total += float(difference.sum())
        tokens += len(theirs)
    return Parity(total / tokens, tokens, len(means), max(means))


class ParityCheck:
    """Compares learner and sampler.

    Args:
        learner: that is trained.
        settings: of the stage.
        start: the trained tensors as they were when the stage began, on any device; empty: not
            known.
    """

    def __init__(
        self, learner: Learner, settings: GrpoSettings, start: Mapping[str, Tensor]
    ) -> None:
        self._learner = learner
        self._settings = settings
        self._start = start

    def check(
        self, replies: Sequence[TokenizedPrompt], rollouts: Sequence[Rollout]
    ) -> dict[str, Any]:
        """Compare the replies that have log-probabilities; returns what the metrics say of it.

        Args:
            replies: prompts with their replies.
            rollouts: the same as they were sampled.

        Raises:
            ConfigError: the sampler gives no log-probabilities.
            ModelError: they are too far apart; the message has the likely cause.
        """
        places = [i for i, one in enumerate(rollouts) if one.used and one.logprobs]
        places = places[: self._settings.parity_sequences]
        if not places:
            if not any(one.used for one in rollouts):
                return {}
            raise ConfigError(
                "the server gives no log-probabilities, so parity cannot be checked",
                where=self._settings.name,
                hint="Use a server with logprobs, or --set grpo.parity_every=0.",
            )
        asked, known = [replies[i] for i in places], [rollouts[i] for i in places]
        found = compare(learned_logprobs(self._learner, asked), known)
        if found.nats > self._settings.parity_nats:
            cause = likely_cause(self._learner, self._start, asked, known, found)
            raise ModelError(
                f"the replies are not of the model that is trained: log-probabilities differ by "
                f"{found.nats:.4f} nats a token (allowed: {self._settings.parity_nats:g}) over "
                f"{found.sequences} replies, most for item {found.worst[1]} ({found.worst[0]:.4f})."
                f" {cause}",
                where=f"{self._settings.name}: parity of rollouts",
                hint="The step was not taken.",
            )
        return found.metrics()


def learned_logprobs(learner: Learner, replies: Sequence[TokenizedPrompt]) -> list[Tensor]:
    """Log-probabilities (n,) of the tokens of each reply, by the pass that training makes."""
    values = parallel.divided(partial(fixed_logprobs, learner.engine), replies)
    return list(torch.split(values, [one.answer for one in replies]))


def likely_cause(
    learner: Learner,
    start: Mapping[str, Tensor],
    replies: Sequence[TokenizedPrompt],
    rollouts: Sequence[Rollout],
    found: Parity,
) -> str:
    """A sentence: which change of the learner explains the difference best, if any does."""
    for prompt, one in zip(replies, rollouts, strict=True):
        if one.prompt_tokens not in (-1, prompt.start):
            return (
                f"Likely cause: other prompts. For item {one.item} the sampler counts "
                f"{one.prompt_tokens} tokens and the learner {prompt.start}: another chat template "
                "or system message, or audio of another length."
            )
    best, cause = found.nats, ""
    for name, values in _variants(learner, start, replies):
        left = compare(values, rollouts).nats
        if left < best:
            best, cause = left, name
    if cause and best <= _EXPLAINED * found.nats:
        return f"Likely cause: the sampler {cause} ({best:.4f} nats are left then)."
    return (
        "Likely cause: another base model or other weights. Neither missing adapters nor weights "
        "of the start, in any component, nor missing sound nor a coarser dtype explain it."
    )


def _variants(
    learner: Learner, start: Mapping[str, Tensor], replies: Sequence[TokenizedPrompt]
) -> Iterator[tuple[str, list[Tensor]]]:
    """What the learner gives with one component changed, and what that would mean."""
    own = dict(learner.net.named_parameters())
    for name, tensors in _other_weights(own, start):
        with learner.with_tensors(tensors):
            yield name, learned_logprobs(learner, replies)
    for name, changed in (("hears silence in place of the audio", _silent(replies)),
                          ("is given no audio", _bare(learner, replies))):  # fmt: skip
        if changed:
            with suppress(HarkenError):
                yield name, learned_logprobs(learner, changed)


def _other_weights(
    own: Mapping[str, Tensor], start: Mapping[str, Tensor]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Sets of tensors in place of the learner's, the smallest change first."""
    groups = [*((group, (group,)) for group in GROUPS), ("any component", GROUPS)]
    for told, names in groups:
        off = {name: torch.zeros_like(tensor) for name, tensor in own.items()
               if name.split(".")[0] in names and "lora_B" in name}  # fmt: skip
        if off:
            yield f"has no adapters in {told}: they were not pushed, or it leaves them out", off
    for told, names in groups:
        old = {name: tensor.clone() for name, tensor in start.items()
               if name.split(".")[0] in names
               and name in own and not torch.equal(tensor.to(own[name]), own[name])}  # fmt: skip
        if old:
            yield f"has the weights of {told} from the start: new ones were not pushed", old
    for dtype in (torch.float16, torch.bfloat16):
        coarse = {name: tensor.detach().to(dtype).to(tensor.dtype) for name, tensor in own.items()
                  if tensor.dtype == torch.float32}  # fmt: skip
        if coarse:
            yield f"has weights in {str(dtype).removeprefix('torch.')}", coarse


def _silent(replies: Sequence[TokenizedPrompt]) -> list[TokenizedPrompt]:
    """The replies with zeros as the features of every clip; empty where there are none."""

    def zeros(one: AudioInput) -> AudioInput:
        features = one.features
        return AudioInput(np.full_like(features, np.min(features)), one.tokens, name=one.name)

    if not all(
        isinstance(clip.features, np.ndarray) for one in replies for clip in one.audio_inputs
    ):
        return []
    found = [replace(one, audio_inputs=tuple(map(zeros, one.audio_inputs))) for one in replies]
    return found if any(one.audio_inputs for one in replies) else []


def _bare(learner: Learner, replies: Sequence[TokenizedPrompt]) -> list[TokenizedPrompt]:
    """The replies without the placeholders of audio; empty where there are none."""
    audio = learner.tokenizer.audio
    if not any(one.audio_inputs for one in replies):
        return []
    found = []
    for one in replies:
        kept = [i for i in range(one.start) if one.ids[i] != audio]
        ids = (*(one.ids[i] for i in kept), *one.ids[one.start :])
        numbers = tuple(0 for i in kept if i < len(one.clip_numbers))
        found.append(replace(one, ids=ids, clip_numbers=numbers, audio_inputs=()))
    return found
