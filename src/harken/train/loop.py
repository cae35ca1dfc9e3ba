"""The loop of the offline stages: batches, a loss, AdamW, and checkpoints that survive a kill.

Learning rate at step s of S, with W = warmup * S:
lr * min(1, (s + 1) / W) * (0.05 + 0.95 * (1 + cos(pi s / S)) / 2).
Random numbers of step s come from (seed, s) alone, the number of threads is fixed and torch is
asked for deterministic algorithms: killed at any moment and called again, the loop ends with the
same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.composed.net import GROUPS
from harken.progress import track
from harken.runs import Run
from harken.train import checkpoint
from harken.train.batch import Batch, BatchSettings, grouped, make_batch
from harken.train.losses import answer_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """What all offline stages are told.

    Attributes:
        name: of the stage within its run (two stages of one kind need two names).
        steps, batch: how many batches of how many lines (of one item, or of `turns`).
        lr: highest learning rate; warmup: share of the steps until it is reached.
        decay: AdamW's weight decay; clip_norm: longest gradient; smoothing: of the labels.
        absent, words, augment, turns: see `harken.train.batch.BatchSettings`.
        groups: the module groups that are taught; the others are frozen.
        seed: of order, options, augmentation and dropout.
        checkpoint_every: steps between checkpoints.
        threads: of torch; part of what the result depends on.
    """

    name: str = "teach"
    steps: int = 200
    batch: int = 48
    lr: float = 1e-3
    warmup: float = 0.1
    decay: float = 0.02
    clip_norm: float = 1.0
    smoothing: float = 0.0
    modality_dropout: float = 0.12
    words: bool = False
    augment: bool = True
    turns: int = 1
    groups: tuple[str, ...] = GROUPS
    seed: int = 0
    checkpoint_every: int = 100
    threads: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        for name in ("batch", "checkpoint_every", "threads", "turns"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint="Use 1 or more.")
        if self.steps < 0 or not 0 <= self.modality_dropout <= 1 or not 0 <= self.warmup <= 1:
            raise ConfigError("steps must not be negative; absent and warmup lie between 0 and 1")


def rate(settings: Any, step: int) -> float:
    """The learning rate of `step`, by the rule at the top of this file."""
    rise = min(1.0, (step + 1) / max(1.0, settings.warmup * settings.steps))
    fall = 0.05 + 0.95 * (1 + math.cos(math.pi * step / max(1, settings.steps))) / 2
    return float(settings.lr * rise * fall)


def train_on_answers(
    learner: ComposedModel, items: Sequence[Item], settings: TrainSettings, run: Run
) -> None:
    """Teach `learner` the answers of `items`.

    Raises:
        DataError: there are no items.
        RunError: the loss is not a number.
    """
    if not items:
        raise DataError(f"stage {settings.name} has no items to teach")
    recipe = BatchSettings(
        settings.modality_dropout, settings.words, settings.augment, settings.turns
    )
    groups = grouped(items, settings.turns)

    def batch_loss(step: int) -> tuple[Tensor | None, dict[str, Any]]:
        batch = make_batch(learner, groups, recipe, settings.batch, settings.seed, step)
        logits, ids, _ = learner.engine.answer_logits(batch.lines)
        return answer_loss(logits, ids, settings.smoothing), _about(batch)

    train_loop(learner, settings, run, batch_loss, training=True)


def train_loop(
    learner: ComposedModel,
    settings: Any,
    run: Run,
    step_loss: Callable[[int], tuple[Tensor | None, dict[str, Any]]],
    *,
    training: bool,
) -> None:
    """Steps, from the checkpoint to the end.

    Args:
        learner: taught in place.
        settings: `TrainSettings` or settings with the same names.
        run: where metrics and checkpoints go.
        step_loss: step -> the loss (None: nothing to learn from) and what to write down.
        training: whether dropout is on.
    """
    with deterministic(settings.threads):
        found = checkpoint.open_stage(run, settings.name)
        parameters = learner.trainable(settings.groups)
        optimiser = torch.optim.AdamW(
            parameters, lr=settings.lr, weight_decay=settings.decay, betas=(0.9, 0.98), foreach=True
        )
        names = {id(p): name for name, p in learner.net.named_parameters()}
        first = found.restore(learner, optimiser, names)
        if found.finished:
            learner.trainable(GROUPS)
            return
        todo = range(first, settings.steps)
        for step in track(todo, settings.name, total=len(todo)):
            seconds = time.perf_counter()
            record = _step(learner, settings, optimiser, step, step_loss, training)
            last = step + 1 == settings.steps
            due = last or (step + 1) % settings.checkpoint_every == 0
            run.append("metrics", [{"stage": settings.name, "step": step, **record}], sync=due)
            run.log({"stage": settings.name, "step": step, "s": time.perf_counter() - seconds})
            if due:
                found.keep(learner, optimiser, names, step + 1, finished=last)
        if not todo:
            found.keep(learner, optimiser, names, settings.steps, finished=True)
        learner.trainable(GROUPS)
        learner.net.eval()


def _step(
    learner: ComposedModel,
    settings: Any,
    optimiser: torch.optim.Optimizer,
    step: int,
    step_loss: Callable[[int], tuple[Tensor | None, dict[str, Any]]],
    training: bool,
) -> dict[str, Any]:
    """One step; returns its record."""
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
        raise RunError(
            f"the loss of step {step} is {value}",
            where=settings.name,
            hint="Lower the learning rate.",
        )
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm))
    audio = learner.engine.audio
    arrived = 0.0 if audio is None or audio.grad is None else float(audio.grad.norm())
    learner.engine.audio = None
    optimiser.step()
    return {
        "loss": round(value, 6),
        "lr": lr,
        "grad_norm": round(norm, 6),
        "audio_grad_norm": round(arrived, 8),
        **about,
    }


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms and a random state of its own, for a block."""
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
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
        "absent": batch.modality_dropout,
        "audio_tokens": sum(sound.tokens for line in batch.lines for sound in line.sounds),
    }
