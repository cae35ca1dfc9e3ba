"""grpo: group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300) on sampled replies.

For each item a group of replies is sampled and scored by `harken.ask.score`, the scorer of
`harken eval`. Rewards are centred and scaled within the group. Replies better than their group
become more probable, within a clip and with a KL to the model at the start of the stage. Groups
with equal rewards have no gradient: they are left out and counted.

Departures: the model is in evaluation mode throughout (no dropout), so that the probability of a
reply is the one it was sampled with; replies truncated at `max_tokens` are scored as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from harken.ask.option_order import shuffled_order
from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import RewardFunction
from harken.ask.rewards.load import build_reward, parse_rewards
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.arrival import check_arrival
from harken.train.batch import epoch_picks
from harken.train.check import check_items, used
from harken.train.determinism import deterministic
from harken.train.losses import advantages, grpo_loss, kl_k3
from harken.train.measure import write_measures
from harken.train.objective import MicroBatch, Objective, Prepared, pieces
from harken.train.reference import Reference, open_reference
from harken.train.stage import LoopSettings, Stage
from harken.train.teachable import unteachable
from harken.train.train_loop import train_loop


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
        clip: largest distance of a token's ratio from 1 that increases the objective.
        kl: weight of the KL to the model at the start.
    """

    name: str = "grpo"
    lr: float | None = 1e-6
    items: int = 8
    group: int = 8
    temperature: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    rewards: str = "accuracy=1"
    clip: float = 0.2
    kl: float = 0.02
    reuse: int = 1

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault("group", least=2)]
        found += [self.fault(name, least=1) for name in ("items", "reuse", "max_tokens")]
        found += [self.fault("top_k"), self.fault("kl"), self.fault("clip", above=0)]
        # At temperature 0 all replies of a group would be the same.
        found += [self.fault("temperature", above=0)]
        found = [*LoopSettings.faults(self), *filter(None, found)]
        try:
            parse_rewards(self.rewards)
        except ConfigError as error:
            found.append(f"rewards: {error}")
        if not found and (self.checkpoint_every % self.reuse or self.steps % self.reuse):
            found.append(
                f"steps is {self.steps}, checkpoint_every {self.checkpoint_every} (accepted: "
                f"multiples of reuse, {self.reuse}: a checkpoint between two steps on the same "
                "replies would lose them)"
            )
        return found


@dataclass(slots=True, eq=False)
class Rollouts:
    """The replies of one step in groups with unequal rewards, and metrics.

    Attributes:
        examples: one for each reply, with the reply as its answer.
        advantage: (replies,).
        old: log-probability (N,) of every token when it was sampled; None: that of this step.
        reference: that of the model at the start; None without a KL.
        about: counts and the mean reward.
    """

    examples: list[TokenizedPrompt]
    advantage: Tensor
    old: Tensor | None
    reference: Tensor | None
    about: dict[str, Any]


def grpo(learner: Learner, items: Sequence[Item], settings: GrpoSettings, run: Run) -> None:
    """Train on rewards of sampled replies.

    Raises:
        DataError: there are no items, or some cannot be trained on (all are named, before step 0).
        RunError: a reward, the loss or a gradient is not finite.
    """
    if not items:
        raise DataError(
            f"stage {settings.name} has no items",
            hint="Give it a dataset with items of the kind that it trains on (docs/guide.md).",
        )
    with deterministic(settings.threads):
        reference = open_reference(learner, settings, run) if settings.kl else None
    worth = build_reward(settings.rewards)
    current: list[Rollouts] = []

    def prepare(step: int) -> Prepared:
        if step % settings.reuse == 0 or not current:
            current[:] = [
                _rollouts(learner, reference, items, settings, worth, step // settings.reuse)
            ]
        return Prepared(_micro_batches(current[0], settings.accumulate), {}, current[0].about)

    def loss(micro: MicroBatch) -> tuple[Tensor, Mapping[str, float]]:
        rollouts: Rollouts = micro.batch
        new, rows = learner.engine.token_logprobs(rollouts.examples)
        old = new.detach() if rollouts.old is None else rollouts.old
        value = grpo_loss(
            new,
            old,
            rollouts.reference,
            rollouts.advantage,
            rows,
            settings.clip,
            settings.kl,
        )
        return value, _distance(new.detach(), old, rollouts.reference, settings)

    def named(step: int) -> list[str]:
        turn = step // settings.reuse
        return [items[i].id for i in epoch_picks(len(items), settings.items, settings.seed, turn)]

    def check() -> None:
        picks = used(len(items), settings.items, settings.seed, settings.steps // settings.reuse)
        measures = check_items(
            ([items[i]] for i in picks),
            settings.name,
            lambda example: learner.tokenize(make_prompt(example[0], learner.style)),
            teachable=lambda item: unteachable(learner, item, answers=False),
        )
        write_measures(run, settings.name, measures)
        check_arrival(
            learner,
            [items[i] for i in picks],
            [],
            run,
            stage=settings.name,
            faults=settings.audio_faults,
        )

    objective = Objective(
        prepare=prepare,
        loss=loss,
        training=False,
        ahead=False,
        check=check,
        named=named,
        stride=settings.reuse,
    )
    train_loop(learner, settings, run, objective)


def _micro_batches(rollouts: Rollouts, count: int) -> list[MicroBatch]:
    """The replies of a step in at most `count` parts of equal size, but for the last."""
    replies = len(rollouts.examples)
    found, token = [], 0
    for part in pieces(range(replies), max(1, -(-replies // count))):
        examples = rollouts.examples[part[0] : part[-1] + 1]
        tokens = slice(token, token + sum(example.answer_tokens for example in examples))
        token = tokens.stop
        own = Rollouts(
            examples,
            rollouts.advantage[part[0] : part[-1] + 1],
            None if rollouts.old is None else rollouts.old[tokens],
            None if rollouts.reference is None else rollouts.reference[tokens],
            {},
        )
        found.append(MicroBatch(own, len(examples)))
    return found


def _rollouts(
    learner: Learner,
    reference: Reference | None,
    items: Sequence[Item],
    settings: GrpoSettings,
    worth: RewardFunction,
    turn: int,
) -> Rollouts:
    """Sample and score the replies of one batch of items."""
    rng = np.random.default_rng([settings.seed, crc32(b"grpo"), turn])
    picks = [items[i] for i in epoch_picks(len(items), settings.items, settings.seed, turn)]
    prompts: list[Prompt] = []
    for item in picks:
        order = shuffled_order(item, rng)
        prompts += [make_prompt(item, learner.style, order=order)] * settings.group
    seeds = [[settings.seed, crc32(b"reply"), turn, row] for row in range(len(prompts))]
    sampling = Sampling(settings.max_tokens, settings.temperature, settings.top_k)
    tokenized = {row: learner.tokenize(prompt) for row, prompt in enumerate(prompts)}
    replies = learner.sample(tokenized, sampling, seeds)
    rewards = torch.tensor(
        [
            worth(picks[row // settings.group], prompt, replies[row].text)
            for row, prompt in enumerate(prompts)
        ]
    ).view(len(picks), settings.group)
    if not bool(torch.isfinite(rewards).all()):
        bad = [
            item.id for item, own in zip(picks, rewards, strict=True) if not own.isfinite().all()
        ]
        raise RunError(
            f"a reward is not finite (items {', '.join(bad)})",
            where=f"{settings.name}: {settings.rewards}",
            hint="Mend the reward: each must be a finite number.",
        )
    advantage = advantages(rewards)
    useful = (advantage != 0).any(1).repeat_interleave(settings.group)
    used = [row for row in range(len(prompts)) if bool(useful[row])]
    examples = [_with_reply(tokenized[row], replies[row].ids) for row in used]
    about = {
        "reward": round(float(rewards.mean()), 6),
        "groups": len(picks),
        "groups_left_out": len(picks) - len(used) // settings.group,
        "cut_off": sum(not reply.ended for reply in replies.values()),
        "answer_tokens": sum(example.answer for example in examples),
        "clips": sum(len(example.audio_inputs) for example in examples),
    }
    old = at_start = None
    with torch.no_grad():
        if examples and settings.reuse > 1:
            old = learner.engine.token_logprobs(examples)[0]
        if examples and reference is not None:
            with reference.active() as start:
                at_start = start.engine.token_logprobs(examples)[0]
    own = advantage.flatten()[used].to(learner.engine.device)
    return Rollouts(examples, own, old, at_start, about)


def _with_reply(example: TokenizedPrompt, ids: Sequence[int]) -> TokenizedPrompt:
    """`example` followed by the sampled tokens, without an added ``<eos>``."""
    return replace(example, ids=(*example.ids, *ids), answer=len(ids))


def _distance(
    new: Tensor, old: Tensor, reference: Tensor | None, settings: GrpoSettings
) -> dict[str, float]:
    """Share of clipped tokens, and KL to the reference."""
    clipped = ((new - old).exp() - 1).abs() > settings.clip
    found = {"clipped": float(clipped.float().mean())}
    if reference is not None:
        found["kl"] = float(kl_k3(new, reference).mean())
    return found


def takes(items: Sequence[Item]) -> list[Item]:
    """Closed-ended items: their answers are scored without a judge."""
    return [item for item in items if item.choices]


STAGE = Stage(
    "grpo", "group relative policy optimisation on sampled replies", GrpoSettings, grpo, takes
)
