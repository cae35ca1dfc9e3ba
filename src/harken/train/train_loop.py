"""The train loop of all stages: steps, AdamW, and checkpoints that survive a kill.

Learning rate at step s of S, with W = warmup * S:
lr * min(1, (s + 1) / W) * (0.05 + 0.95 * (1 + cos(pi s / S)) / 2).
Random numbers of step s depend on (seed, s) only, the number of threads is fixed, and torch uses
deterministic algorithms: killed at any moment and called again, the loop ends with the same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.progress import track
from harken.runs import Run
from harken.train import checkpoint
from harken.train.batch import (
    Batch,
    BatchSettings,
    epoch_picks,
    grouped,
    make_batch,
    make_example,
)
from harken.train.check import check_items, used
from harken.train.losses import answer_loss
from harken.train.stage import LoopSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(LoopSettings):
    """Settings of the stages that train on the answers of items.

    Attributes:
        batch: examples in a step (of one item each, or of up to `turns`).
        smoothing: label smoothing.
        modality_dropout, clips_as_text, augment, turns: see `harken.train.batch.BatchSettings`.
    """

    batch: int = 8
    smoothing: float = 0.0
    modality_dropout: float = 0.0
    clips_as_text: bool = False
    augment: bool = False
    turns: int = 1

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("batch", "turns")]
        found += [self.fault(name, most=1) for name in ("modality_dropout", "smoothing")]
        return [*LoopSettings.faults(self), *filter(None, found)]


def rate(settings: LoopSettings, step: int) -> float:
    """The learning rate of `step`, by the formula at the top of this file."""
    warmup = min(1.0, (step + 1) / max(1.0, settings.warmup * settings.steps))
    decay = 0.05 + 0.95 * (1 + math.cos(math.pi * step / max(1, settings.steps))) / 2
    return float(settings.lr * warmup * decay)


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

    def batch_loss(step: int) -> tuple[Tensor | None, dict[str, Any]]:
        batch = make_batch(learner, groups, how, settings.batch, settings.seed, step)
        logits, ids, _ = learner.engine.answer_logits(batch.examples)
        return answer_loss(logits, ids, settings.smoothing), _about(batch)

    def named(step: int) -> list[str]:
        picks = epoch_picks(len(groups), settings.batch, settings.seed, step)
        return [item.id for pick in picks for item in groups[pick]]

    def check() -> None:
        _check_groups(learner, groups, how, settings)

    train_loop(learner, settings, run, batch_loss, training=True, check=check, named=named)


def _check_groups(
    learner: Learner, groups: Sequence[Sequence[Item]], how: BatchSettings, settings: TrainSettings
) -> None:
    """Raise DataError for all items of all steps that cannot be trained on; see `check_items`."""
    picks = used(len(groups), settings.batch, settings.seed, settings.steps)
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


def train_loop(
    learner: Learner,
    settings: LoopSettings,
    run: Run,
    step_loss: Callable[[int], tuple[Tensor | None, dict[str, Any]]],
    *,
    training: bool,
    check: Callable[[], None] = lambda: None,
    named: Callable[[int], Sequence[str]] = lambda step: (),
) -> None:
    """Train from the latest checkpoint to the last step.

    Args:
        learner: trained in place.
        settings: of the stage.
        run: gets metrics and checkpoints.
        step_loss: step -> the loss (None: no update) and further metrics.
        training: whether dropout is on.
        check: called before step 0; raises what is wrong with the items.
        named: step -> ids of its items, for errors.

    Raises:
        ConfigError: the groups have no weights, or float16 ones.
        RunError: the loss, a gradient or a weight is not finite.
    """
    with deterministic(settings.threads):
        found = checkpoint.open_stage(run, settings.name)
        parameters = learner.trainable(settings.groups)
        if not parameters:
            raise ConfigError(
                f"{learner.name} has no weights of its own in {', '.join(settings.groups)}",
                where=settings.name,
                hint="Name other groups; where the audio encoder projects, that is audio_encoder.",
            )
        if any(parameter.dtype == torch.float16 for parameter in parameters):
            raise ConfigError(
                f"the weights of {learner.name} are float16, and AdamW underflows in it",
                where=settings.name,
                hint="Train in bfloat16 or float32.",
            )
        optimiser = torch.optim.AdamW(
            parameters, lr=settings.lr, weight_decay=settings.decay, betas=(0.9, 0.98), foreach=True
        )
        names = {id(p): name for name, p in learner.net.named_parameters()}
        first = found.restore(learner, optimiser, names)
        if found.finished:
            learner.trainable(GROUPS)
            return
        if first == 0:
            check()
        todo = range(first, settings.steps)
        for step in track(todo, settings.name, total=len(todo)):
            seconds = time.perf_counter()
            try:
                record = _step(learner, settings, optimiser, step, step_loss, training)
            except _NotFiniteError as error:
                raise RunError(
                    f"{error} in step {step}{_listed(named(step))}",
                    where=settings.name,
                    hint="Lower the learning rate, or look at these items.",
                ) from None
            last = step + 1 == settings.steps
            due = last or (step + 1) % settings.checkpoint_every == 0
            run.append("metrics", [{"stage": settings.name, "step": step, **record}], sync=due)
            run.log({"stage": settings.name, "step": step, "s": time.perf_counter() - seconds})
            if due:
                _require_finite(parameters, settings.name, step)
                found.save(learner, optimiser, names, step + 1, finished=last)
        if not todo:
            found.save(learner, optimiser, names, settings.steps, finished=True)
        learner.trainable(GROUPS)
        learner.net.eval()


def _step(
    learner: Learner,
    settings: Any,
    optimiser: torch.optim.Optimizer,
    step: int,
    step_loss: Callable[[int], tuple[Tensor | None, dict[str, Any]]],
    training: bool,
) -> dict[str, Any]:
    """One step; returns its metrics record."""
    torch.manual_seed(crc32(f"{settings.seed} {settings.name} {step}".encode()))
    learner.net.train(training)
    lr = rate(settings, step)
    for group in optimiser.param_groups:
        group["lr"] = lr
    optimiser.zero_grad(set_to_none=True)
    loss, about = step_loss(step)
    if loss is None:
        return {"loss": None, "lr": lr, **about}
    value = float(loss.detach())
    if not math.isfinite(value):
        raise _NotFiniteError(f"the loss is {value}")
    if not loss.requires_grad:  # a batch without audio, and the language model is frozen
        return {"loss": round(value, 6), "lr": lr, **about}
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    norm = _clipped(learner, parameters, settings.clip_norm)
    audio = learner.engine.audio
    audio_norm = 0.0 if audio is None or audio.grad is None else float(audio.grad.norm())
    learner.engine.audio = None
    optimiser.step()
    return {
        "loss": round(value, 6),
        "lr": lr,
        "grad_norm": round(norm, 6),
        "audio_grad_norm": round(audio_norm, 8),
        **about,
    }


def _clipped(learner: Learner, parameters: Sequence[nn.Parameter], most: float) -> float:
    """Scale the gradients to a norm of `most` at most; returns their norm before.

    As `torch.nn.utils.clip_grad_norm_`, which would spread a value that is not finite to all of
    them before it could be said where it was.
    """
    grads = [p.grad for p in parameters if p.grad is not None]
    total = torch.nn.utils.get_total_norm(grads)
    norm = float(total)
    if not math.isfinite(norm):
        bad = [
            name
            for name, p in learner.net.named_parameters()
            if p.grad is not None and not bool(torch.isfinite(p.grad).all())
        ]
        shown = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        raise _NotFiniteError(f"the norm of the gradient is {norm} ({shown or 'too large'})")
    torch.nn.utils.clip_grads_with_norm_(parameters, most, total)
    return norm


class _NotFiniteError(Exception):
    """What of a step is not finite."""


def _listed(ids: Sequence[str]) -> str:
    """Ids of items for a message, at most 16 of them."""
    more = f" … {len(ids) - 16} more" if len(ids) > 16 else ""
    return f" (items {', '.join(ids[:16])}{more})" if ids else ""


def _require_finite(parameters: Sequence[nn.Parameter], stage: str, step: int) -> None:
    """Raise RunError if a weight is not finite: no such checkpoint is saved."""
    if not all(bool(torch.isfinite(parameter).all()) for parameter in parameters):
        raise RunError(
            f"weights are not finite after step {step}",
            where=stage,
            hint="Lower the learning rate.",
        )


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms and a forked random state, for a block."""
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads or before)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)


def _about(batch: Batch) -> dict[str, Any]:
    return {
        "answer_tokens": batch.answer_tokens,
        "clips": batch.clips,
        "modality_dropout": batch.modality_dropout,
        "audio_tokens": sum(
            audio_input.tokens for example in batch.examples for audio_input in example.audio_inputs
        ),
    }
