"""Training on the answers of items: the settings and the objective that most stages share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.batch import Batch, BatchSettings, DrawnExample, draw_batch, grouped
from harken.train.before import check_groups, require_packing
from harken.train.less_audio import NOTHING
from harken.train.losses import answer_loss
from harken.train.mix import Mix
from harken.train.objective import Made, MicroBatch, Objective, Prepared, prepared
from harken.train.optimiser import rates
from harken.train.replay import Source, with_replay
from harken.train.stage import LoopSettings
from harken.train.train_loop import train_loop

AnswerLoss = Callable[[Tensor, Tensor], tuple[Tensor, Mapping[str, float]]]
"""Logits (N, V) and ids (N,) of answer tokens -> a mean over these tokens, and metrics."""


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
        modality_dropout, clips_as_text, augment, turns, audio_dropout, nothing, nothing_answer: see
            `harken.train.batch.BatchSettings`.
        replay: dataset or ``.jsonl`` with items of an earlier stage, against forgetting them.
        replay_share: their share of every batch.
    """

    batch: int = 8
    pack_tokens: int = 0
    smoothing: float = 0.0
    modality_dropout: float = 0.0
    clips_as_text: bool = False
    augment: bool = False
    turns: int = 1
    audio_dropout: float = 0.0
    nothing: float = 0.0
    nothing_answer: str = NOTHING
    replay: str = ""
    replay_share: float = 0.0

    @property
    def examples(self) -> int:
        """Examples in a step."""
        return self.batch * self.accumulate

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("batch", "turns")]
        found += [self.fault("pack_tokens")]
        found += [self.fault(name, most=1) for name in ("modality_dropout", "smoothing")]
        # All audio dropped, or all answers "nothing", teaches not to listen.
        found += [self.fault(name, most=0.99) for name in ("audio_dropout", "nothing")]
        found += [self.fault("replay_share", most=0.99)]
        if not isinstance(self.nothing_answer, str) or not self.nothing_answer.strip():
            found.append(f"nothing_answer is {self.nothing_answer!r} (accepted: a text)")
        if bool(self.replay) != bool(self.replay_share):
            found.append(
                f"replay is {self.replay!r} and replay_share {self.replay_share!r} (accepted: a "
                "dataset and a share above 0, or neither)"
            )
        if self.replay and self.clips_as_text:
            found.append("replay is given, and clips_as_text is true (accepted: one of them)")
        return [*LoopSettings.faults(self), *filter(None, found)]


def train_on_answers(
    learner: Learner, items: Sequence[Item], settings: TrainSettings, run: Run
) -> None:
    """`train_on_sources` with one source of items."""
    train_on_sources(learner, [Source(items)], settings, run)


def train_on_sources(
    learner: Learner,
    sources: Sequence[Source],
    settings: TrainSettings,
    run: Run,
    *,
    answers: Mapping[str, str] | None = None,
    loss: AnswerLoss | None = None,
) -> None:
    """Train `learner` on the answers of items, of which each source has a share of every batch.

    Args:
        learner: trained in place.
        sources: items with their shares; those that the settings replay join them.
        settings: of the stage.
        run: of the stage.
        answers: item id -> what is taught instead of its answer.
        loss: logits (N, V) and ids (N,) of answer tokens -> a mean over these tokens, and metrics;
            cross-entropy with the smoothing of the settings if not given.

    Raises:
        DataError: there are no items, or some cannot be trained on (all are named, before step 0).
        ConfigError: a setting that the learner does not support.
        RunError: the loss or a gradient is not finite.
    """
    for source in sources:
        if not source.items:
            raise DataError(
                f"stage {settings.name} has no items",
                hint="Give it a dataset with items of the kind it trains on (docs/training.md).",
            )
    how = _batch_settings(settings, answers or {})
    how.check(learner)
    require_packing(learner, settings.name, settings.pack_tokens)
    trained = list(rates(learner, settings))
    _require_audio([item for source in sources for item in source.items], settings, trained)
    own = with_replay(sources, settings.replay, settings.replay_share, run, settings.name)
    groups, mix = arranged(own, settings)

    def made(drawn: Sequence[DrawnExample]) -> Made:
        batch = Batch.of(learner, drawn)
        return Made(batch.examples, batch.answer_tokens, _counts(batch))

    def prepare(step: int) -> Prepared:
        drawn = draw_batch(learner, groups, how, settings.examples, settings.seed, step, mix)
        picked = mix.picks(settings.examples, settings.seed, step)
        sources_of = Counter(own[mix.source(pick)].name for pick in picked)
        about = {f"from_{one.name}": sources_of[one.name] for one in own if one.name}
        return prepared(drawn, settings.batch, made, about)

    def answers_loss(micro: MicroBatch) -> tuple[Tensor, Mapping[str, float]]:
        logits, ids, _ = learner.engine.answer_logits(micro.batch, pack_tokens=settings.pack_tokens)
        if loss is not None:
            return loss(logits, ids)
        return answer_loss(logits, ids, settings.smoothing), {}

    def named(step: int) -> list[str]:
        picks = mix.picks(settings.examples, settings.seed, step)
        return [item.id for pick in picks for item in groups[pick]]

    def check() -> None:
        chosen = [
            groups[pick] for pick in mix.used(settings.examples, settings.seed, settings.steps)
        ]
        check_groups(learner, chosen, how, settings, run, pack_tokens=settings.pack_tokens)

    objective = Objective(prepare=prepare, loss=answers_loss, check=check, named=named)
    train_loop(learner, settings, run, objective)


def _batch_settings(settings: TrainSettings, answers: Mapping[str, str]) -> BatchSettings:
    return BatchSettings(
        settings.modality_dropout,
        settings.clips_as_text,
        settings.augment,
        settings.turns,
        settings.audio_dropout,
        settings.nothing,
        settings.nothing_answer,
        answers,
    )


def _counts(batch: Batch) -> dict[str, int]:
    """The numbers of a batch for the metrics."""
    inputs = [one for example in batch.examples for one in example.audio_inputs]
    return {
        "answer_tokens": batch.answer_tokens,
        "clips": batch.clips,
        "modality_dropout": batch.modality_dropout,
        "nothing": batch.nothing,
        "dropped_audio_tokens": batch.dropped,
        "audio_tokens": sum(one.tokens for one in inputs),
    }


def arranged(sources: Sequence[Source], settings: TrainSettings) -> tuple[list[list[Item]], Mix]:
    """The examples of all sources, one source after the other, and which are in which batch."""
    groups = [grouped(source.items, settings.turns) for source in sources]
    mix = Mix(tuple(map(len, groups)), tuple(source.share for source in sources))
    return [group for own in groups for group in own], mix


def _require_audio(items: Sequence[Item], settings: TrainSettings, trained: Sequence[str]) -> None:
    """Refuse settings that need audio, or open-ended items with audio, where there are none."""
    audio = not settings.clips_as_text and any(item.clips for item in items)
    if not audio and trained and "lm" not in trained:
        raise ConfigError(
            f"only {', '.join(trained)} is trained, and no audio is in the examples",
            where=settings.name,
            hint="Train lm too.",
        )
    if settings.audio_dropout and not any(item.clips for item in items):
        raise ConfigError(
            f"audio_dropout is {settings.audio_dropout:g}, and none of {len(items)} items has "
            "clips",
            where=settings.name,
            hint="Set audio_dropout to 0.",
        )
    if settings.nothing and not any(item.clips and not item.choices for item in items):
        raise ConfigError(
            f"nothing is {settings.nothing:g}, and none of {len(items)} items is an open-ended "
            "question about clips: no option of the others says that nothing is heard",
            where=settings.name,
            hint="Set nothing to 0, or add open-ended items.",
        )
