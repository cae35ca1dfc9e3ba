"""dpo: direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) on pairs of answers.

An item with `rejected` is a pair: its answer is made more probable than the rejected one, relative
to a reference model. The reference is the model at the start of the stage, or the model without its
adapters. Its log-probabilities are computed once, before step 0, and kept in the run: no second
model is in memory, and nothing is copied.

Departures: the model is in evaluation mode throughout (no dropout), so that margins are 0 before
the first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.net import eval_mode
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.arrival import check_arrival
from harken.train.before import require_packing
from harken.train.check import check_items
from harken.train.determinism import deterministic
from harken.train.kept import kept_records
from harken.train.losses import dpo_loss, ipo_loss
from harken.train.measure import longest, write_measures
from harken.train.mix import Mix
from harken.train.objective import Made, Objective, Prepared, prepared
from harken.train.optimiser import rates
from harken.train.policy_loss import kl_k3, row_means
from harken.train.preferences import (
    TokenizedPair,
    most_plausible_wrong,
    require_pairs,
    tokenized_pair,
)
from harken.train.stage import LoopSettings, Stage
from harken.train.teachable import answer_faults, unteachable
from harken.train.train_loop import train_loop

LOSSES = ("sigmoid", "ipo")
REFERENCES = ("start", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class DpoSettings(LoopSettings):
    """Settings of the stage.

    Attributes:
        batch: pairs in a micro-batch; a step has `accumulate` of these.
        pack_tokens: see `harken.train.answers.TrainSettings`; both answers of a pair are examples.
        beta: how strongly the model is held to the reference.
        loss: ``sigmoid`` (DPO), or ``ipo`` (Azar et al. 2023, arXiv 2310.12036).
        smoothing: share of pairs whose labels are taken to be wrong (conservative DPO).
        reference: ``start`` (the model at the start of the stage), or ``base`` (the model without
            its adapters).
        from_choices: items with options and without a rejected answer become pairs of the right
            option and the wrong one that the model finds most probable.
    """

    name: str = "dpo"
    lr: float | None = 1e-6
    batch: int = 4
    pack_tokens: int = 0
    beta: float = 0.1
    loss: str = "sigmoid"
    smoothing: float = 0.0
    reference: str = "start"
    from_choices: bool = False

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault("batch", least=1), self.fault("pack_tokens")]
        found += [self.fault("beta", above=0)]
        found += [self.fault("smoothing", most=0.49)]
        for name, known in (("loss", LOSSES), ("reference", REFERENCES)):
            if getattr(self, name) not in known:
                found.append(f"{name} is {getattr(self, name)!r} (accepted: {', '.join(known)})")
        if self.loss == "ipo" and self.smoothing:
            found.append(f"smoothing is {self.smoothing:g} (accepted: 0 with loss ipo)")
        return [*LoopSettings.faults(self), *filter(None, found)]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPair:
    """A pair with the reference's log-probability of each token of both answers."""

    pair: TokenizedPair
    chosen: Tensor
    rejected: Tensor


def dpo(learner: Learner, items: Sequence[Item], settings: DpoSettings, run: Run) -> None:
    """Train on pairs of a better and a worse answer.

    Raises:
        DataError: there are no items, some are no pairs, or some cannot be trained on (all are
            named, before step 0).
        ConfigError: a reference that the model does not have, or examples that cannot be packed.
        RunError: the loss or a gradient is not finite.
    """
    if not items:
        raise DataError(
            f"stage {settings.name} has no items",
            hint="Give it items with a rejected answer (docs/training.md).",
        )
    require_pairs(items, settings.name, choices=settings.from_choices)
    require_packing(learner, settings.name, settings.pack_tokens)
    trained = rates(learner, settings)
    if trained and "lm" not in trained and not any(item.clips for item in items):
        raise ConfigError(
            f"only {', '.join(trained)} is trained, and no audio is in the pairs",
            where=settings.name,
            hint="Train lm too.",
        )
    mix, size = Mix((len(items),)), settings.batch * settings.accumulate
    with deterministic(settings.threads):
        used = mix.used(size, settings.seed, settings.steps)
        kept = _reference(learner, [items[number] for number in used], settings, run)
    places = {number: place for place, number in enumerate(used)}
    pairs = _Pairs(learner, [kept[places[n]] if n in places else {} for n in range(len(items))])

    def made(picks: Sequence[int]) -> Made:
        scored = [pairs.scored(items[number], number, settings.seed) for number in picks]
        both = [one for own in scored for one in (own.pair.chosen, own.pair.rejected)]
        counts = {
            "pairs": len(scored),
            "answer_tokens": sum(one.answer_tokens for one in both),
            "clips": sum(len(own.pair.chosen.audio_inputs) for own in scored),
        }
        return Made(scored, len(scored), counts)

    def prepare(step: int) -> Prepared:
        return prepared(mix.picks(size, settings.seed, step), settings.batch, made)

    objective = Objective(
        prepare=prepare,
        loss=lambda micro: pair_loss(learner, micro.batch, settings),
        training=False,
        named=lambda step: [items[n].id for n in mix.picks(size, settings.seed, step)],
    )
    train_loop(learner, settings, run, objective)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs by number, with what the reference gave them."""

    learner: Learner
    kept: Sequence[Mapping[str, Any]]

    def scored(self, item: Item, number: int, seed: int) -> ScoredPair:
        own = self.kept[number]
        known = replace(item, rejected=str(own["rejected"]))
        pair = tokenized_pair(self.learner, known, seed)
        device = self.learner.engine.device
        chosen, rejected = (torch.tensor(own[name], device=device) for name in _LOGPROBS)
        return ScoredPair(pair, chosen, rejected)


_LOGPROBS = ("chosen_logprobs", "rejected_logprobs")


def pair_loss(
    learner: Learner, scored: Sequence[ScoredPair], settings: DpoSettings
) -> tuple[Tensor, dict[str, float]]:
    """The mean loss of pairs, and metrics.

    Metrics are means over pairs: ``accuracy`` (the share in which the better answer has the larger
    reward), ``margin`` (of the rewards), ``reward_chosen``, ``reward_rejected``, and ``kl``, an
    estimate of the KL to the reference: the mean of the tokens of both answers of each pair. The
    reward of an answer is beta times its log-probability less that of the reference.
    """
    count = len(scored)
    examples = [own.pair.chosen for own in scored] + [own.pair.rejected for own in scored]
    reference = torch.cat([own.chosen for own in scored] + [own.rejected for own in scored])
    new, rows = learner.engine.token_logprobs(examples, pack_tokens=settings.pack_tokens)
    zeros = torch.zeros(2 * count, device=new.device)
    ratios = zeros.index_add(0, rows, new - reference)
    if settings.loss == "ipo":
        lengths = zeros.index_add(0, rows, torch.ones_like(new))
        means = ratios / lengths
        losses = ipo_loss(means[:count] - means[count:], settings.beta)
    else:
        losses = dpo_loss(ratios[:count] - ratios[count:], settings.beta, settings.smoothing)
    rewards = settings.beta * ratios.detach()
    chosen, rejected = rewards[:count], rewards[count:]
    return losses.mean(), {
        "accuracy": float((chosen > rejected).float().mean()),
        "margin": float((chosen - rejected).mean()),
        "reward_chosen": float(chosen.mean()),
        "reward_rejected": float(rejected.mean()),
        "kl": float(row_means(kl_k3(new.detach(), reference), rows % count).mean()),
    }


def _reference(
    learner: Learner, items: Sequence[Item], settings: DpoSettings, run: Run
) -> list[dict[str, Any]]:
    """What the reference gives to each pair, and its rejected answer; kept in the run."""
    if settings.reference == "base" and not learner.adapters:
        raise ConfigError(
            f"reference is base, and {learner.name} has no adapters to switch off",
            where=settings.name,
            hint="Set reference to start, or train adapters.",
        )

    def make(numbers: range) -> list[Mapping[str, Any]]:
        own = [items[number] for number in numbers]
        if numbers.start == 0:  # none has been asked before
            _check(learner, items, settings, run)
        with torch.no_grad(), eval_mode(learner.net), _referring(learner, settings):
            pairs = most_plausible_wrong(learner, own, settings.seed)
            tokenized = [tokenized_pair(learner, pair, settings.seed) for pair in pairs]
            chosen = _logprobs(learner, [one.chosen for one in tokenized], settings)
            rejected = _logprobs(learner, [one.rejected for one in tokenized], settings)
        return [
            {
                "item": item.id,
                "rejected": pair.rejected,
                "chosen_logprobs": better,
                "rejected_logprobs": worse,
            }
            for item, pair, better, worse in zip(own, pairs, chosen, rejected, strict=True)
        ]

    return kept_records(run, settings.name, "reference", len(items), make, settings.batch)


def _referring(learner: Learner, settings: DpoSettings) -> Any:
    return learner.without_adapters() if settings.reference == "base" else nullcontext()


def _logprobs(
    learner: Learner, examples: Sequence[TokenizedPrompt], settings: DpoSettings
) -> list[list[float]]:
    """The log-probability of each answer token of each example."""
    found, _ = learner.engine.token_logprobs(examples, pack_tokens=settings.pack_tokens)
    values = iter(found.tolist())
    return [list(islice(values, example.answer_tokens)) for example in examples]


def _check(learner: Learner, items: Sequence[Item], settings: DpoSettings, run: Run) -> None:
    """Measure the pairs, raise DataError for all that cannot be trained on, and probe the audio."""

    def rejected(item: Item) -> str:
        return item.rejected or next(text for text in item.choices if text != item.answer)

    def tokenize(example: Sequence[Item]) -> object:
        (item,) = example
        own = replace(item, rejected=rejected(item))
        return tokenized_pair(learner, own, settings.seed)

    def teachable(item: Item) -> list[str]:
        found = unteachable(learner, item)
        if item.choices and learner.style.letters:  # the other answer is a letter too
            return found
        return [*found, *answer_faults(learner, rejected(item))]

    asked = [[item] for item in items]
    measures = check_items(asked, settings.name, tokenize, teachable=teachable)
    write_measures(run, settings.name, measures)
    require_packing(learner, settings.name, settings.pack_tokens, longest(measures))
    check_arrival(learner, items, (), run, stage=settings.name, faults=settings.audio_faults)


def takes(items: Sequence[Item]) -> list[Item]:
    """Pairs, and closed-ended items, of which `DpoSettings.from_choices` makes pairs."""
    return [item for item in items if item.rejected or item.choices]


def takes_for(items: Sequence[Item], settings: DpoSettings) -> list[Item]:
    """All items (those that are no pairs are refused); with `from_choices`, what `takes` gives."""
    return takes(items) if settings.from_choices else list(items)


STAGE = Stage(
    "dpo",
    "preferences: a better against a worse answer",
    DpoSettings,
    dpo,
    takes,
    takes_for,
)
