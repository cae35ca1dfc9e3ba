"""Settings of the stage grpo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harken.ask.rewards.load import weighted_rewards
from harken.errors import ConfigError
from harken.models.base import Sampling
from harken.models.http.push import read_push
from harken.models.http.settings import HttpSettings, read_target
from harken.train.policy_loss import NORMALISERS, SCALES, PolicyLoss
from harken.train.stage import LoopSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpoSettings(LoopSettings):
    """Settings of the stage.

    Attributes:
        items: questions in a step.
        group: replies sampled for each item.
        temperature, top_k, max_tokens: of sampling; at temperature 1 without top-k the replies are
            from the distribution that is trained.
        reuse: steps on the same replies (the ratio is 1 in the first).
        rewards: what a reply is worth, as a weighted sum: ``accuracy=1,format=0.2``
            (`harken.ask.rewards`); accuracy is by the scorer of evaluations.
        reward_settings: reward -> its settings, such as ``{"judge": {"model": "openai:…"}}``.
        clip: largest distance of a token's ratio from 1 that increases the objective.
        clip_high: the same above 1; 0: as `clip`.
        kl: weight of the KL to the model at the start.
        scale: advantages are divided by the ``std`` of their group, or by nothing (``none``).
        normalise: how tokens are averaged: ``reply``, ``token``, ``room``; see
            `harken.train.policy_loss.PolicyLoss`.
        token_share: share of tokens, those that depend most on the audio, that the advantage acts
            on (`harken.train.token_mask`); 1: all.
        stratify: the items of a step need the same (`harken.train.strata`): audio, or text only.
        signal_patience: turns in a row without a signal after which the stage ends with exit code
            11; 0: never.
        rollouts: where replies are sampled: empty, in this process, or ``openai:MODEL@URL``.
        push: how a server gets the weights: ``folder:PATH``, ``lora:PATH`` or ``none``
            (`harken.models.http.push`).
        parity_every: the log-probabilities of learner and sampler are compared before the first
            step and every so many steps; 0: never.
        parity_sequences: replies that are compared, of those of the step.
        parity_nats: largest mean difference, in nats a token.
    """

    refused: ClassVar[Mapping[str, str]] = {
        "pack_tokens": "the replies of a group share one pass over their prompt and its audio, "
        "which rows of whole examples would repeat for each"
    }
    name: str = "grpo"
    lr: float | None = 1e-6
    items: int = 8
    group: int = 8
    temperature: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    rewards: str = "accuracy=1"
    reward_settings: dict[str, Any] = field(default_factory=dict)
    clip: float = 0.2
    clip_high: float = 0.0
    kl: float = 0.02
    scale: str = "std"
    normalise: str = "reply"
    reuse: int = 1
    token_share: float = 1.0
    stratify: bool = False
    signal_patience: int = 25
    rollouts: str = ""
    push: str = ""
    parity_every: int = 50
    parity_sequences: int = 64
    parity_nats: float = 0.05

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault("group", least=2)]
        found += [
            self.fault(name, least=1)
            for name in ("items", "reuse", "max_tokens", "parity_sequences")
        ]
        found += [self.fault(n) for n in ("top_k", "kl", "signal_patience", "parity_every")]
        found += [self.fault(n, above=0) for n in ("clip", "parity_nats")]
        found += [self.fault("clip_high"), self.fault("token_share", above=0, most=1)]
        # At temperature 0 all replies of a group would be the same.
        found += [self.fault("temperature", above=0)]
        found = [*LoopSettings.faults(self), *filter(None, found)]
        found += [
            f"{name} is {getattr(self, name)!r} (accepted: {', '.join(accepted)})"
            for name, accepted in (("scale", SCALES), ("normalise", NORMALISERS))
            if getattr(self, name) not in accepted
        ]
        found += self._reward_faults() + self._rollout_faults()
        if not found and (self.checkpoint_every % self.reuse or self.steps % self.reuse):
            found.append(
                f"steps is {self.steps}, checkpoint_every {self.checkpoint_every} (accepted: "
                f"multiples of reuse, {self.reuse}: a checkpoint between two steps on the same "
                "replies would lose them)"
            )
        return found

    def _reward_faults(self) -> list[str]:
        for name, own in self.reward_settings.items():
            if not isinstance(own, dict):
                return [f"reward_settings of {name} is {own!r} (accepted: key: value)"]
        try:
            weighted_rewards(self.rewards, self.reward_settings)
        except ConfigError as error:
            return [f"rewards: {error}"]
        return []

    def _rollout_faults(self) -> list[str]:
        try:
            if bool(self.rollouts) != bool(self.push):
                return [
                    f"rollouts is {self.rollouts!r} and push is {self.push!r} (accepted: both or "
                    "neither: a server needs to be told of new weights, folder:PATH or lora:PATH, "
                    "or is meant to keep its own, none)"
                ]
            if self.rollouts:
                read_push(self.push)
                self.server()
        except ConfigError as error:
            return [f"rollouts: {error}"]
        return []

    def server(self) -> HttpSettings:
        """The settings of the server that samples.

        Raises:
            ConfigError: `rollouts` is no ``openai:MODEL@URL``.
        """
        kind, _, target = self.rollouts.partition(":")
        if kind != "openai":
            raise ConfigError(f"{self.rollouts!r} is no server", hint="Use openai:MODEL@URL.")
        return read_target(target, {"token_logprobs": True, "top_logprobs": 0})

    @property
    def turns(self) -> int:
        """How often replies are sampled."""
        return self.steps // self.reuse

    @property
    def sampling(self) -> Sampling:
        """How replies are sampled."""
        return Sampling(self.max_tokens, self.temperature, self.top_k, self.seed)

    @property
    def loss(self) -> PolicyLoss:
        """The variant of the loss."""
        return PolicyLoss(self.clip, self.clip_high, self.kl, self.normalise, self.max_tokens)

    def parity_due(self, turn: int) -> bool:
        """Whether learner and sampler are compared on the replies of a turn.

        In the first turn, and in each in which one of the steps is a multiple of `parity_every`.
        """
        every, first = self.parity_every, turn * self.reuse
        return every > 0 and (
            first % every == 0 or first // every < (first + self.reuse - 1) // every
        )
