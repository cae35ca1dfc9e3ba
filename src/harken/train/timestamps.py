"""timestamps: times as tokens of their own, which weigh more in the loss (TAC, arXiv 2602.15766).

Every time in a question or an answer (``1.12s``) becomes one token (``<|1.12|>``), new in tokenizer
and embedding unless the model has it, and kept by the saved model. The loss is
L = L_LM + weight * CE on time tokens. With ``tokens=false`` times stay plain text and the loss is
L_LM: what the tokens are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.listed import listed
from harken.models.engine.time_tokens import add_time_tokens, rows_trained
from harken.models.learner import Learner
from harken.runs import Run
from harken.times import TOKEN, TimeGrid, written_times
from harken.train import parallel
from harken.train.answers import TrainSettings, train_on_sources
from harken.train.check import refuse
from harken.train.losses import timed_loss
from harken.train.replay import Source
from harken.train.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampsSettings(TrainSettings):
    """`TrainSettings`, and the tokens.

    Attributes:
        tokens: whether times are tokens; else they are plain text.
        resolution: seconds from one token to the next.
        max_s: the last time with a token, in seconds.
        weight: lambda: a time token weighs 1 + weight in the loss.
    """

    name: str = "timestamps"
    tokens: bool = True
    resolution: float = 0.01
    max_s: float = 30.0
    weight: float = 5.0

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault("weight")]
        try:
            TimeGrid(self.resolution, self.max_s)
        except ConfigError as error:
            found.append(error.found)
        if self.tokens and "lm" not in self.groups:
            found.append("groups are without lm (accepted: with it: time tokens are trained there)")
        elif self.tokens and self.lr_lm == 0:
            found.append("lr_lm is 0 (accepted: above 0: time tokens are trained in lm)")
        return [*TrainSettings.faults(self), *filter(None, found)]


def timestamps(
    learner: Learner, items: Sequence[Item], settings: TimestampsSettings, run: Run
) -> None:
    """Train on answers with times.

    Raises:
        DataError: no answer has a time, or times are beyond the last token (all are named, before
            step 0); or see `train_on_answers`.
        ConfigError: the model has time tokens and is not to use them, weight decay would shrink
            embeddings that adapters keep frozen, or a model with adapters will be sharded.
        ModelError: the model has time tokens of another grid, or cannot get any.
    """
    if not takes(items):
        raise DataError(
            f"no answer has a time such as 1.12s ({len(items)} items looked at)",
            where=f"stage {settings.name}",
            hint="Give it items with times in their answers.",
        )
    if not settings.tokens:
        if learner.tokenizer.times is not None:
            raise ConfigError(
                f"tokens is false, and {learner.name} has time tokens",
                where=settings.name,
                hint="Set tokens to true, or begin with a model without them.",
            )
        train_on_sources(learner, [Source(items)], settings, run)
        return
    times = TimeGrid(settings.resolution, settings.max_s)
    _require_times(items, times, settings, run)
    if settings.decay and "lm" in learner.adapters:
        raise ConfigError(
            f"decay is {settings.decay:g}, and it would shrink the embeddings beside the time "
            "tokens, which adapters keep frozen",
            where=settings.name,
            hint="Set decay to 0.",
        )
    adapted = "lm" in learner.adapters
    if adapted and parallel.sharded():  # the rows are trained in the whole tensor
        raise ConfigError(
            f"{learner.name} has adapters in lm, and beside them the embeddings of time tokens "
            "cannot be trained in a sharded model",
            where=settings.name,
            hint="Train with --parallel ddp, or set tokens to false.",
        )
    add_time_tokens(learner, times)
    numbers = sorted(learner.tokenizer.time_ids.values())
    known = torch.tensor(numbers, device=learner.engine.device)

    def loss(logits: Tensor, ids: Tensor) -> tuple[Tensor, Mapping[str, float]]:
        is_time = torch.isin(ids, known)
        value = timed_loss(logits, ids, is_time, settings.weight, settings.smoothing)
        with torch.no_grad():
            both = (timed_loss(logits, ids, is_time, 1.0), timed_loss(logits, ids, is_time, 0.0))
        share = float(is_time.float().mean())
        return value, {"time_loss": float(both[0] - both[1]), "time_share": share}

    with rows_trained(learner.net, numbers) if adapted else nullcontext():
        train_on_sources(learner, [Source(items)], settings, run, loss=loss)


def _require_times(
    items: Sequence[Item], times: TimeGrid, settings: TimestampsSettings, run: Run
) -> None:
    """Raise DataError for all items with times beyond the last token; log those between two."""
    faults, rounded = [], 0
    for item in items:
        texts = (item.question, item.answer, *item.choices)
        if beyond := [time for text in texts for time in times.beyond(text)]:
            shown = listed(list(dict.fromkeys(beyond)), 5)
            faults.append(f"{item.id}: {shown} is beyond {times.max_s:g} s")
        rounded += any(times.rounded(text) for text in texts)
    if faults:
        refuse(
            faults,
            len(items),
            settings.name,
            hint="Raise max_s, cut the clips, or take them out of the dataset.",
        )
    timed = len(takes(items))
    run.log({"stage": settings.name, "items": len(items), "timed": timed, "rounded": rounded})


def takes(items: Sequence[Item]) -> list[Item]:
    """Items with a time in their answer."""
    return [item for item in items if any(written_times(item.answer)) or TOKEN.search(item.answer)]


STAGE = Stage(
    "timestamps", "answers with times, each one token of more weight", TimestampsSettings,
    timestamps, takes,
)  # fmt: skip
