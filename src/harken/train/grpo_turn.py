"""A turn of GRPO: replies are sampled, written down and scored, and become what the loss is of.

A turn is what happens before one step, or before `reuse` steps on the same replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from harken.ask.option_order import shuffled_order
from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import SampledReply
from harken.ask.rewards.load import weighted_rewards
from harken.errors import RunError
from harken.item import Item
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.reply_logprobs import fixed_logprobs
from harken.models.learner import Learner
from harken.train import parallel
from harken.train.grpo_settings import GrpoSettings
from harken.train.objective import MicroBatch, own_pieces, pieces
from harken.train.parity import ParityCheck
from harken.train.policy_loss import advantages
from harken.train.reference import Reference
from harken.train.rollouts import AskedPrompt, Rollout, RolloutLog, RolloutSource
from harken.train.strata import ItemPicker
from harken.train.token_mask import audio_tokens
from harken.train.trained_model import LearnerView, with_reply


@dataclass(slots=True, eq=False)
class ReplyBatch:
    """Replies of groups with unequal rewards, and what the loss needs of them.

    Attributes:
        examples: one for each reply, with the reply as its answer.
        advantage: (replies,).
        old: log-probability (N,) of every token when it was sampled; None: that of this step.
        reference: that of the model at the start; None without a KL.
        weights: (N,) of the tokens in the part with the advantage; None: all alike.
        kept: mean of the weights over all tokens of the step, of which this may be a part.
    """

    examples: list[TokenizedPrompt]
    advantage: Tensor
    old: Tensor | None
    reference: Tensor | None
    weights: Tensor | None
    kept: float = 1.0


class GrpoTurns:
    """Makes the turns of one stage.

    Args:
        learner: that is trained.
        items: of the stage.
        settings: of the stage.
        source: where replies are sampled.
        reference: the model at the start; None without a KL.
        start: the trained tensors at the start, for `ParityCheck`.
    """

    def __init__(
        self,
        learner: Learner,
        items: Sequence[Item],
        settings: GrpoSettings,
        source: RolloutSource,
        reference: Reference | None,
        start: Mapping[str, Tensor],
    ) -> None:
        self._learner, self._items, self._settings = learner, items, settings
        self._source, self._reference = source, reference
        self._rewards = weighted_rewards(settings.rewards, settings.reward_settings)
        self._view = LearnerView(learner, items, settings.seed)
        self._parity = ParityCheck(learner, settings, start)
        self.picker = ItemPicker(items, settings.items, settings.seed, settings.stratify)

    def make(self, turn: int, log: RolloutLog) -> tuple[ReplyBatch, dict[str, Any]]:
        """The replies of a turn that something can be learned from, and metrics.

        Of several processes each samples its share (or one asks a server), and one scores; all know
        all replies.
        """
        asked = self._asked(turn)
        due = self._settings.parity_due(turn)
        rollouts = self._rollouts(turn, asked, log, due)
        replies = [
            with_reply(one.tokenized, own.ids) for one, own in zip(asked, rollouts, strict=True)
        ]
        parity = self._parity.check(replies, rollouts) if due else {}
        return self._batch(turn, asked, replies, rollouts, parity)

    def _rollouts(
        self, turn: int, asked: Sequence[AskedPrompt], log: RolloutLog, logprobs: bool
    ) -> list[Rollout]:
        """The replies of a turn with their rewards: as they are written, or sampled now."""
        found = parallel.from_first(lambda: log.find(turn, asked))
        if found is not None:
            return found
        sampled = self._source.sample(asked, turn, logprobs)

        def scored() -> list[Rollout]:
            rollouts = self._scored(asked, sampled)
            log.write(turn, self._settings.group, rollouts)
            return rollouts

        return parallel.from_first(scored)

    def _asked(self, turn: int) -> list[AskedPrompt]:
        """The prompts of a turn, each `group` times."""
        rng = np.random.default_rng([self._settings.seed, crc32(b"grpo"), turn])
        found: list[AskedPrompt] = []
        for pick in self.picker.picks(turn):
            item = self._items[pick]
            prompt = make_prompt(item, self._learner.style, order=shuffled_order(item, rng))
            one = AskedPrompt(item, prompt, self._learner.tokenize(prompt))
            found += [one] * self._settings.group
        return found

    def _scored(self, asked: Sequence[AskedPrompt], rollouts: Sequence[Rollout]) -> list[Rollout]:
        """The replies with their rewards; one without is left out, with the rewards it lacks."""
        places = [row for row, one in enumerate(rollouts) if one.used]
        sampled = [
            SampledReply(
                asked[row].item,
                asked[row].prompt,
                rollouts[row].text,
                rollouts[row].cut_off,
                rollouts[row].ids,
            )
            for row in places
        ]
        worths = self._rewards.of(sampled, self._view)
        found = list(rollouts)
        bad = []
        for row, worth in zip(places, worths, strict=True):
            lacks = [name for name, value in worth.parts.items() if value is None]
            reason = f"no value of the reward {', '.join(lacks)}" if lacks else ""
            found[row] = replace(found[row], reward=worth.total, parts=worth.parts, left_out=reason)
            if worth.total is not None and not np.isfinite(worth.total):
                bad.append(asked[row].item.id)
        if bad:
            raise RunError(
                f"a reward is not finite (items {', '.join(dict.fromkeys(bad))})",
                where=f"{self._settings.name}: {self._settings.rewards}",
                hint="Mend the reward: each must be a finite number.",
            )
        return found

    def _batch(
        self,
        turn: int,
        asked: Sequence[AskedPrompt],
        replies: Sequence[TokenizedPrompt],
        rollouts: Sequence[Rollout],
        parity: Mapping[str, Any],
    ) -> tuple[ReplyBatch, dict[str, Any]]:
        settings = self._settings
        groups = (len(asked) // settings.group, settings.group)
        known = torch.tensor([one.used for one in rollouts]).view(groups)
        rewards = torch.tensor([one.reward or 0.0 for one in rollouts]).view(groups)
        advantage = advantages(rewards, known, settings.scale)
        useful = (advantage != 0).any(1)
        rows = (useful[:, None] & known).flatten().nonzero().flatten().tolist()
        examples = [replies[row] for row in rows]
        about: dict[str, Any] = {
            "reward": round(float(rewards[known].mean()), 6) if bool(known.any()) else None,
            **self._parts(rollouts),
            "groups": groups[0],
            "groups_left_out": int((~useful).sum()),
            "replies": int(known.sum()),
            "replies_left_out": int((~known).sum()),
            "cut_off": sum(one.cut_off for one in rollouts if one.used),
            "answer_tokens": sum(example.answer for example in examples),
            "clips": sum(len(example.audio_inputs) for example in examples),
            **parity,
        }
        if stratum := self.picker.stratum(turn):
            about["stratum"] = stratum
        own = advantage.flatten()[rows].to(self._learner.engine.device)
        batch = ReplyBatch(examples, own, None, None, None)
        if examples:
            self._fill(batch, [asked[row] for row in rows], about)
        return batch, about

    def _parts(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """The mean of each reward over the replies that have it, where there are several."""
        names = list(self._rewards.weights)
        if len(names) < 2:
            return {}
        found = {}
        for name in names:
            values = [value for one in rollouts if (value := one.parts.get(name)) is not None]
            if values:
                found[f"reward_{name}"] = round(sum(values) / len(values), 6)
        return found

    @torch.no_grad()
    def _fill(self, batch: ReplyBatch, asked: Sequence[AskedPrompt], about: dict[str, Any]) -> None:
        """Compute what does not change in the steps on these replies."""
        engine = self._learner.engine
        if self._settings.reuse > 1:
            batch.old = parallel.divided(partial(fixed_logprobs, engine), batch.examples)
        if self._reference is not None:
            with self._reference.active() as start:
                known = partial(fixed_logprobs, start.engine)
                batch.reference = parallel.divided(known, batch.examples)
        if self._settings.token_share < 1:
            without = self._without_audio(asked)
            share = self._settings.token_share
            batch.weights = audio_tokens(engine, batch.examples, without, share)
            batch.kept = float(batch.weights.mean())
            about["tokens_masked"] = int((batch.weights == 0).sum())

    def _without_audio(self, asked: Sequence[AskedPrompt]) -> list[TokenizedPrompt]:
        """The prompts of replies, with the options in the same order, without clips."""
        made: dict[int, TokenizedPrompt] = {}
        for one in asked:
            if id(one) not in made:
                bare = one.item.with_clips(())
                order = one.prompt.order or None
                made[id(one)] = self._learner.tokenize(
                    make_prompt(bare, self._learner.style, order=order)
                )
        return [made[id(one)] for one in asked]


def micro_batches(batch: ReplyBatch, count: int, normalise: str) -> list[MicroBatch]:
    """This process's share of the replies of a step, in `count` parts of equal size at most.

    The last part of a step may be smaller; see `harken.train.objective.own_pieces`.
    """
    whole = _all_parts(batch, count, normalise)
    own = own_pieces(whole, parallel.rank(), parallel.size()) if whole else []
    return [micro if counted else replace(micro, weight=0) for micro, counted in own]


def _all_parts(batch: ReplyBatch, count: int, normalise: str) -> list[MicroBatch]:
    replies = len(batch.examples)
    found, token = [], 0
    for part in pieces(range(replies), max(1, -(-replies // count))):
        examples = batch.examples[part[0] : part[-1] + 1]
        tokens = slice(token, token + sum(example.answer_tokens for example in examples))
        token = tokens.stop

        def cut(values: Tensor | None, tokens: slice = tokens) -> Tensor | None:
            return None if values is None else values[tokens]

        own = ReplyBatch(
            examples,
            batch.advantage[part[0] : part[-1] + 1],
            cut(batch.old),
            cut(batch.reference),
            cut(batch.weights),
            batch.kept,
        )
        weight = tokens.stop - tokens.start if normalise == "token" else len(examples)
        found.append(MicroBatch(own, weight))
    return found
