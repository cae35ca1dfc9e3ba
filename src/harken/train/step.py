"""One step: forward and backward passes of its micro-batches, then an update of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from harken.models.engine.net import GROUPS, LearnerNet
from harken.models.learner import Learner
from harken.train.objective import MicroBatch, Objective, Prepared
from harken.train.optimiser import NotFiniteError, Optimiser


def set_modes(net: LearnerNet, training: bool) -> None:
    """Put what is trained into training mode and what is frozen into evaluation mode.

    Dropout and batch norm of a frozen group stay as in evaluation. Of a group that is trained in
    part (adapters), only the modules with trained weights of their own are in training mode, and
    the adapters' dropout: the layers that they adapt give what they give in evaluation.
    """
    net.train(training)
    if not training:
        return
    for name in GROUPS:
        group: nn.Module = getattr(net, name)
        frozen = [parameter for parameter in group.parameters() if not parameter.requires_grad]
        if not frozen:
            continue
        group.eval()
        for path, module in group.named_modules():
            own = any(parameter.requires_grad for parameter in module.parameters(recurse=False))
            if own or path.rsplit(".", 1)[-1].startswith("lora_"):
                module.train()


class _Sums:
    """What the micro-batches of a step add up to."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.audio = 0.0
        self.learned = False
        self.means: dict[str, float] = {}

    def add(self, share: float, value: float, means: Mapping[str, float]) -> None:
        """One micro-batch with its share in the step."""
        self.loss += share * value
        for name, mean in means.items():
            self.means[name] = self.means.get(name, 0.0) + share * mean


def take_step(
    learner: Learner, optimiser: Optimiser, objective: Objective, prepared: Prepared
) -> dict[str, Any]:
    """One step on prepared work; returns its metrics.

    Raises:
        NotFiniteError: the loss or the gradient.
    """
    optimiser.clear()
    about = {**prepared.counts, **prepared.about}
    if not prepared.micro_batches:
        return {"loss": None, **about}
    total = sum(micro.weight for micro in prepared.micro_batches)
    sums = _Sums()
    for micro in prepared.micro_batches:
        _pass(learner, objective, micro, micro.weight / total, sums)
    record: dict[str, Any] = {"loss": round(sums.loss, 6)}
    if sums.learned:
        record |= optimiser.clip()
        record["audio_grad_norm"] = round(math.sqrt(sums.audio), 8)
        optimiser.step()
    return record | about | {name: round(mean, 6) for name, mean in sums.means.items()}


def _pass(
    learner: Learner, objective: Objective, micro: MicroBatch, share: float, sums: _Sums
) -> None:
    """Forward and backward pass of one micro-batch, its loss weighted by its share in the step."""
    loss, means = objective.loss(micro)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotFiniteError(f"the loss is {value}")
    sums.add(share, value, means)
    if not loss.requires_grad:  # a batch without audio, and the language model is frozen
        return
    weighted = loss if share == 1 else loss * share
    weighted.backward()  # type: ignore[no-untyped-call]
    sums.learned = True
    audio: Tensor | None = learner.engine.audio
    if audio is not None and audio.grad is not None:
        sums.audio += float(audio.grad.norm()) ** 2
    learner.engine.audio = None
