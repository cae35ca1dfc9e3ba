"""Training on the answers of items: the settings and the objective that most stages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.engine.packing import refusal
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.arrival import EXAMPLES, check_arrival
from harken.train.batch import (
    BatchSettings,
    epoch_picks,
    grouped,
    make_batch,
    make_example,
    plain_settings,
)
from harken.train.check import check_items, used
from harken.train.losses import answer_loss
from harken.train.measure import write_measures
from harken.train.objective import MicroBatch, Objective, Prepared, pieces
from harken.train.stage import LoopSettings
from harken.train.teachable import unteachable
from harken.train.train_loop import train_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(LoopSettings):
    """Settings of the stages that train on the answers of items.

    Attributes:
        batch: examples in a micro-batch (of one item each, or of up to `turns`); a step has
            `accumulate` of these.
        pack_tokens: if above 0, the examples of a micro-batch share rows of so many tokens instead
            of being padded to the longest (`harken.models.engine.packing`): the same items, loss
            and gradient, in less time where lengths differ.
        smoothing: label smoothing.
        modality_dropout, clips_as_text, augment, turns: see `harken.train.batch.BatchSettings`.
    """

    batch: int = 8
    pack_tokens: int = 0
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
        found += [self.fault("pack_tokens")]
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
    _require_packing(learner, settings)
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
        logits, ids, _ = learner.engine.answer_logits(micro.batch, pack_tokens=settings.pack_tokens)
        return answer_loss(logits, ids, settings.smoothing), {}

    def named(step: int) -> list[str]:
        picks = epoch_picks(len(groups), settings.examples, settings.seed, step)
        return [item.id for pick in picks for item in groups[pick]]

    def check() -> None:
        _check_groups(learner, groups, how, settings, run)

    objective = Objective(prepare=prepare, loss=loss, check=check, named=named)
    train_loop(learner, settings, run, objective)


def _require_packing(learner: Learner, settings: TrainSettings, longest: int = 1) -> None:
    """Raise ConfigError, with the reason, if examples should be packed and cannot be."""
    reason = refusal(learner.engine.reader, longest) if settings.pack_tokens else ""
    if reason:
        raise ConfigError(
            f"pack_tokens is {settings.pack_tokens}, and prompts of {learner.name} cannot be "
            f"packed exactly: {reason}",
            where=settings.name,
            hint="Set pack_tokens to 0.",
        )


def _check_groups(
    learner: Learner,
    groups: Sequence[Sequence[Item]],
    how: BatchSettings,
    settings: TrainSettings,
    run: Run,
) -> None:
    """Measure the items of all steps, list those that cannot be trained on, and probe the audio.

    Raises:
        DataError: items that cannot be trained on; see `check_items`.
        RunError, ModelError: the audio does not arrive; see `check_arrival`.
    """
    picks = used(len(groups), settings.examples, settings.seed, settings.steps)
    plain = plain_settings(how)
    rng = np.random.default_rng(0)  # the order of the options changes nothing that is checked

    def tokenize(example: Sequence[Item]) -> object:
        return make_example(learner, example, plain, rng)

    def teachable(item: Item) -> list[str]:
        taught = how.answers.get(item.id)
        return unteachable(learner, replace(item, choices=(), answer=taught) if taught else item)

    chosen = [groups[pick] for pick in picks]
    audio = not how.clips_as_text
    single = [[item] for group in chosen for item in group]
    measures = check_items(single, settings.name, tokenize, audio=audio, teachable=teachable)
    packs = [group for group in chosen if len(group) > 1]
    if packs:  # each of their items fits; together they may be too long
        measures = [
            *(one for one in measures if one.item not in {i.id for group in packs for i in group}),
            *check_items(packs, settings.name, tokenize, audio=False),
        ]
    write_measures(run, settings.name, measures)
    _require_packing(learner, settings, max((one.tokens for one in measures), default=1))
    if audio:
        items = [item for group in chosen for item in group]
        few = [group for group in chosen if group[0].clips][:EXAMPLES]
        first = [make_example(learner, group, plain, rng)[0] for group in few]
        check_arrival(learner, items, first, run, stage=settings.name, faults=settings.audio_faults)
