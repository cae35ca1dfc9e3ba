"""Training on the answers of items: the settings and the objective that most stages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.batch import BatchSettings, epoch_picks, grouped, make_batch, make_example
from harken.train.check import check_items, used
from harken.train.losses import answer_loss
from harken.train.objective import MicroBatch, Objective, Prepared, pieces
from harken.train.stage import LoopSettings
from harken.train.train_loop import train_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(LoopSettings):
    """Settings of the stages that train on the answers of items.

    Attributes:
        batch: examples in a micro-batch (of one item each, or of up to `turns`); a step has
            `accumulate` of these.
        smoothing: label smoothing.
        modality_dropout, clips_as_text, augment, turns: see `harken.train.batch.BatchSettings`.
    """

    batch: int = 8
    smoothing: float = 0.0
    modality_dropout: float = 0.0
    clips_as_text: bool = False
    augment: bool = False
    turns: int = 1

    @property
    def examples(self) -> int:
        """Examples in a step."""
        return self.batch * self.accumulate

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("batch", "turns")]
        found += [self.fault(name, most=1) for name in ("modality_dropout", "smoothing")]
        return [*LoopSettings.faults(self), *filter(None, found)]


def train_on_answers(
    learner: Learner, items: Sequence[Item], settings: TrainSettings, run: Run
) -> None:
    """Train `learner` on the answers of `items`.

    Raises:
        DataError: there are no items, or some cannot be trained on (all are named, before step 0).
        ConfigError: a setting that the learner does not support.
        RunError: the loss or a gradient is not finite.
    """
    if not items:
        raise DataError(
            f"stage {settings.name} has no items",
            hint="Give it a dataset with items of the kind that it trains on (docs/guide.md).",
        )
    how = BatchSettings(
        settings.modality_dropout, settings.clips_as_text, settings.augment, settings.turns
    )
    how.check(learner)
    audio = not settings.clips_as_text and any(item.clips for item in items)
    if not audio and "lm" not in settings.groups:
        raise ConfigError(
            f"groups are {', '.join(settings.groups)}, and no audio is in the examples",
            where=settings.name,
            hint="Train lm too.",
        )
    groups = grouped(items, settings.turns)

    def prepare(step: int) -> Prepared:
        batch = make_batch(learner, groups, how, settings.examples, settings.seed, step)
        parts = pieces(batch.examples, settings.batch)
        counts = {
            "answer_tokens": batch.answer_tokens,
            "clips": batch.clips,
            "modality_dropout": batch.modality_dropout,
            "audio_tokens": sum(
                audio_input.tokens
                for example in batch.examples
                for audio_input in example.audio_inputs
            ),
        }
        return Prepared(
            [MicroBatch(part, sum(one.answer_tokens for one in part)) for part in parts], counts
        )

    def loss(micro: MicroBatch) -> tuple[Tensor, Mapping[str, float]]:
        logits, ids, _ = learner.engine.answer_logits(micro.batch)
        return answer_loss(logits, ids, settings.smoothing), {}

    def named(step: int) -> list[str]:
        picks = epoch_picks(len(groups), settings.examples, settings.seed, step)
        return [item.id for pick in picks for item in groups[pick]]

    def check() -> None:
        _check_groups(learner, groups, how, settings)

    objective = Objective(prepare=prepare, loss=loss, check=check, named=named)
    train_loop(learner, settings, run, objective)


def _check_groups(
    learner: Learner, groups: Sequence[Sequence[Item]], how: BatchSettings, settings: TrainSettings
) -> None:
    """Raise DataError for all items of all steps that cannot be trained on; see `check_items`."""
    picks = used(len(groups), settings.examples, settings.seed, settings.steps)
    plain = replace(how, modality_dropout=0.0, augment=False)
    rng = np.random.default_rng(0)  # the order of the options changes nothing that is checked

    def tokenize(example: Sequence[Item]) -> object:
        return make_example(learner, example, plain, rng)

    chosen = [groups[pick] for pick in picks]
    audio = not how.clips_as_text
    single = [[item] for group in chosen for item in group]
    check_items(single, settings.name, tokenize, audio=audio)
    packs = [group for group in chosen if len(group) > 1]
    if packs:  # each of their items fits; together they may be too long
        check_items(packs, settings.name, tokenize, audio=False)
