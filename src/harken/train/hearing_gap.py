"""The hearing gap: what another item's audio, or silence, costs a model in training.

For the answers of a fixed set of held-out items, with -log p in nats and T answer tokens (the end
token included):

    loss(c) = -(1/T) sum_t log p(a_t | question, audio under c, a_<t)
    gap(swap) = loss(swap) - loss(audio)        gap(silence) = loss(silence) - loss(audio)

A model that does not use the audio has gaps of 0, whatever its loss. Two answers of one token with
p = 1/2 with their audio and p = 1/4 with another give ln 4 - ln 2 = 0.693 nats. Conditions are
those of `harken.ask.conditions`; intervals resample recordings (`harken.stats.bootstrap`), paired
token by token; accuracies are of the most probable choice of closed-ended items.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harken.ask.conditions.load import conditioned
from harken.ask.prompt import make_prompt, target
from harken.ask.score import score_logprobs
from harken.errors import ConfigError, HarkenError
from harken.item import Item
from harken.models.engine.net import eval_mode
from harken.models.learner import Learner
from harken.stats.bootstrap import Ints, Resampling, numbered
from harken.stats.measures import clusters, wilson
from harken.stats.paired import gap as paired_gap

Json = dict[str, Any]
Floats = npt.NDArray[np.float64]

TRUE = "audio"
CONTROLS = ("swap", "silence")
"""Conditions whose loss is compared with that of the true audio; the watch is on the first."""

DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingSettings:
    """How a model in training is asked whether it listens, and when it is stopped.

    Attributes:
        items: held-out items, at most; 0: no evaluation.
        share: largest share of the training items that is held out where a dataset has no other
            split.
        batch: items in a forward pass.
        min_gap: a stage whose gap to swapped audio stays below this (nats per answer token) is
            stopped; 0: none is.
        patience: so many evaluations in a row.
        grace: share of a stage's steps in which a gap below `min_gap` does not count.
        seed: of the held-out items and of who swaps with whom.
        held_out: a set to draw from, whatever its splits; empty: the one that is trained on.
    """

    items: int = 64
    share: float = 0.1
    batch: int = 8
    min_gap: float = 0.0
    patience: int = 3
    grace: float = 0.25
    seed: int = 0
    held_out: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigError for invalid values, all of them at once."""
        rules = (
            ("items", self.items == 0 or self.items >= 2, "0, or 2 or more"),
            ("share", 0 < self.share < 1, "above 0 and below 1"),
            ("batch", self.batch >= 1, "1 or more"),
            ("min_gap", 0 <= self.min_gap < math.inf, "0 or more"),
            ("patience", self.patience >= 1, "1 or more"),
            ("grace", 0 <= self.grace < 1, "0 or more and below 1"),
            ("seed", self.seed >= 0, "0 or more"),
        )
        found = [
            f"{name} is {getattr(self, name)!r} (accepted: {accepted})"
            for name, fits, accepted in rules
            if not fits
        ]
        if self.min_gap and not self.items:
            found.append("min_gap is set, and items is 0: nothing could be measured")
        if found:
            raise ConfigError("; ".join(found), where="hearing")

    def counts(self, step: int, steps: int) -> bool:
        """Whether the watch counts the evaluation after `step` steps."""
        return step > 0 and step >= self.grace * steps

    def require_watchable(self, stage: str, steps: int, every: int) -> None:
        """Raise ConfigError if a stage has too few evaluations for the watch ever to stop it."""
        if not self.min_gap:
            return
        at = {*range(0, steps, every), steps}
        counted = sum(self.counts(step, steps) for step in at)
        if counted < self.patience:
            raise ConfigError(
                f"min_gap is set and patience is {self.patience}, but only {counted} evaluations "
                f"come after the grace period ({self.grace:.0%} of {steps} steps)",
                where=stage,
                hint="Evaluate more often (evaluate_every), or lower patience or grace.",
            )


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model made of the held-out items under one condition.

    Attributes:
        losses: item number -> -log p (nats) of each of its answer tokens.
        right: item number -> whether its most probable choice is the right one; closed-ended only.
        tied: closed-ended items whose best choices are equally probable: they are not right.
        left_out: why items were not asked or failed -> how many.
    """

    losses: dict[int, Floats]
    right: dict[int, bool]
    tied: int
    left_out: dict[str, int]


def hear(
    learner: Learner, items: Sequence[Item], condition: str, *, seed: int = 0, batch: int = 8
) -> Heard:
    """Losses and choices of `items` under a condition; nothing of the learner is changed.

    An item that cannot be put under the condition or cannot be tokenized is left out, with the
    reason. The results depend on items and batch, not on what was asked before.
    """
    reasons: dict[str, str] = {}
    pairs = conditioned(items, condition, seed, reasons)
    left_out = Counter(reasons.values())
    losses: dict[int, Floats] = {}
    asked = [(i, changed) for i, (_, changed) in enumerate(pairs) if changed is not None]
    with torch.no_grad(), eval_mode(learner.net):
        for start in range(0, len(asked), batch):
            losses |= _losses(learner, asked[start : start + batch], left_out)
    closed = [(i, changed) for i, changed in asked if i in losses and changed.gold >= 0]
    prompts = [make_prompt(changed, learner.style) for _, changed in closed]
    found = learner.choice_logprobs(prompts) if prompts else []
    right: dict[int, bool] = {}
    tied = 0
    for (i, changed), prompt, logprobs in zip(closed, prompts, found, strict=True):
        if logprobs is None:
            left_out["no probabilities of the choices"] += 1
            continue
        score = score_logprobs(changed, prompt, logprobs)
        tied += score is None
        right[i] = score is not None and score.outcome == "correct"
    return Heard(losses, right, tied, dict(sorted(left_out.items())))


def _losses(
    learner: Learner, asked: Sequence[tuple[int, Item]], left_out: Counter[str]
) -> dict[int, Floats]:
    """The loss of each answer token of some items, in one forward pass."""
    tokenized = {}
    for i, item in asked:
        prompt = make_prompt(item, learner.style)
        try:
            tokenized[i] = learner.tokenize(prompt, target(item, prompt))
        except HarkenError as error:
            left_out[getattr(error, "reason", "") or error.found] += 1
    if not tokenized:
        return {}
    logprobs, rows = learner.engine.token_logprobs(list(tokenized.values()))
    values = -logprobs.double().cpu().numpy()
    row = rows.cpu().numpy()
    return {i: values[row == at] for at, i in enumerate(tokenized)}


def measure(learner: Learner, items: Sequence[Item], settings: HearingSettings) -> Json:
    """Loss, gaps and accuracy of held-out items under true, swapped and silent audio.

    Returns:
        ``items`` asked with their audio, and by condition: ``loss`` and ``gap`` (``nats`` per
        answer token with ``low`` and ``high``, the 95 % interval, ``items`` and ``tokens``),
        ``accuracy`` (``right`` of ``items``, ``share``, Wilson interval, ``tied``), ``gain``
        (accuracy with the true audio minus that of a control, paired, exact test), ``left_out``
        (reason -> items). A number that cannot be computed is None.
    """
    seed, batch = settings.seed, settings.batch
    asked = [item for item in items if item.clips]
    true = hear(learner, asked, TRUE, seed=seed, batch=batch)
    # What could not be asked itself must not be given to another item.
    kept = list(true.losses)
    place = {i: at for at, i in enumerate(kept)}
    losses = {place[i]: own for i, own in true.losses.items()}
    right = {place[i]: own for i, own in true.right.items()}
    found = {TRUE: Heard(losses, right, true.tied, true.left_out)}
    usable = [asked[i] for i in kept]
    found |= {name: hear(learner, usable, name, seed=seed, batch=batch) for name in CONTROLS}
    learner.clear_cache()  # the memory is for the next steps
    return summary(usable, found, seed)


def summary(items: Sequence[Item], found: Mapping[str, Heard], seed: int = 0) -> Json:
    """The numbers of `measure` from what was heard under each condition."""
    resampling = Resampling(numbered(clusters([item.recordings for item in items])), seed)
    true = found[TRUE]
    record: Json = {
        "items": len(true.losses),
        "loss": {name: _mean(resampling, own.losses) for name, own in found.items()},
        "gap": {},
        "accuracy": {name: _accuracy(own) for name, own in found.items()},
        "gain": {},
        "left_out": {name: own.left_out for name, own in found.items() if own.left_out},
    }
    for name in CONTROLS:
        own = found[name]
        both = {i: own.losses[i] - true.losses[i] for i in own.losses if i in true.losses}
        record["gap"][name] = _mean(resampling, both)
        shared = [i for i in true.right if i in own.right]
        values = np.array([float(true.right[i]) - own.right[i] for i in shared], np.float64)
        record["gain"][name] = paired_gap(resampling, values, np.array(shared, np.int64))
    resampling.run()
    rounded: Json = _rounded(record)
    return rounded


def _mean(resampling: Resampling, values: Mapping[int, Floats]) -> Json:
    """The mean over tokens; its interval is filled in when `resampling` runs."""
    tokens = np.concatenate([np.zeros(0), *values.values()])
    units: Ints = np.repeat(np.array(list(values), np.int64), [len(own) for own in values.values()])
    found: Json = {
        "nats": float(tokens.mean()) if tokens.size else None,
        "items": len(values),
        "tokens": int(tokens.size),
    }
    resampling.want(tokens, found, units=units)
    return found


def _accuracy(own: Heard) -> Json:
    """Right answers among closed-ended items."""
    right, total = sum(own.right.values()), len(own.right)
    low, high = wilson(right, total) if total else (None, None)
    share = right / total if total else None
    return {
        "right": right,
        "items": total,
        "share": share,
        "low": low,
        "high": high,
        "tied": own.tied,
    }


def _rounded(value: Any) -> Any:
    """All floats to a millionth, which is finer than float32 computes a loss."""
    if isinstance(value, dict):
        return {key: _rounded(own) for key, own in value.items()}
    return round(value, DIGITS) + 0.0 if isinstance(value, float) else value
