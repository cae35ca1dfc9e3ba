"""One step: forward and backward passes of its micro-batches, then an update of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn

from harken.models.engine.net import GROUPS, LearnerNet
from harken.models.learner import Learner
from harken.train import parallel
from harken.train.objective import MicroBatch, Objective, Prepared
from harken.train.optimiser import NotFiniteError, Optimiser
from harken.train.parallel import Held


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


@dataclass(slots=True)
class _Sums:
    """What the micro-batches of a step add up to.

    Attributes:
        loss: weighted by the shares.
        audio: squared norm of the gradient of the audio tokens.
        bad: losses that are not finite.
        reached: see `harken.train.parallel.Held.reached`.
        means: further metrics, weighted by the shares.
    """

    loss: float = 0.0
    audio: float = 0.0
    bad: int = 0
    reached: set[str] = field(default_factory=set)
    means: dict[str, float] = field(default_factory=dict)

    def add(self, share: float, value: float, means: Mapping[str, float]) -> None:
        """One micro-batch with its share in the step."""
        self.loss += share * value
        self.bad += not math.isfinite(value)
        for name, mean in means.items():
            self.means[name] = self.means.get(name, 0.0) + share * mean

    def over_processes(self) -> None:
        """Sum everything over all processes."""
        if parallel.size() > 1:
            own = [self.loss, self.audio, float(self.bad), *self.means.values()]
            self.loss, self.audio, bad, *means = parallel.summed(own)
            self.bad = int(bad)
            self.means = dict(zip(self.means, means, strict=True))


def take_step(
    held: Held, optimiser: Optimiser, objective: Objective, prepared: Prepared
) -> dict[str, Any]:
    """One step on what this process has prepared; returns the metrics of the whole step.

    Raises:
        NotFiniteError: the loss or the gradient.
    """
    optimiser.clear()
    total, counts = whole_step(prepared)
    about = {**counts, **prepared.about}
    if not prepared.micro_batches:
        return {"loss": None, **about}
    sums = _Sums()
    for micro in prepared.micro_batches:
        share = micro.weight / total
        loss = held.run(partial(_pass, held, objective, micro, share, sums))
        if sums.bad and parallel.size() == 1:
            break  # other processes would wait for this one's gradient
        _backward(held.learner, loss, sums)
        optimiser.collect()
    sums.over_processes()
    if sums.bad:
        raise NotFiniteError(f"the loss is {sums.loss}")
    record: dict[str, Any] = {"loss": round(sums.loss, 6)}
    if optimiser.reduce(sums.reached):
        record |= optimiser.clip()
        record["audio_grad_norm"] = round(math.sqrt(sums.audio), 8)
        optimiser.step()
    means = {name: round(mean, 6) for name, mean in sums.means.items()}
    return record | about | means


def whole_step(prepared: Prepared) -> tuple[float, dict[str, int]]:
    """The weight of all micro-batches of a step over all processes, and its counts."""
    own = sum(micro.weight for micro in prepared.micro_batches)
    total, *counts = parallel.summed([own, *prepared.counts.values()])
    return total, {name: int(n) for name, n in zip(prepared.counts, counts, strict=True)}


def _pass(held: Held, objective: Objective, micro: MicroBatch, share: float, sums: _Sums) -> Tensor:
    """Forward pass of one micro-batch; returns its loss, weighted by its share in the step."""
    loss, means = objective.loss(micro)
    sums.add(share, float(loss.detach()), means)
    sums.reached |= held.reached(loss)
    return loss if share == 1 else loss * share


def _backward(learner: Learner, loss: Tensor, sums: _Sums) -> None:
    """Backward pass of one micro-batch."""
    if not loss.requires_grad:  # a batch without audio, and the language model is frozen
        return
    loss.backward()  # type: ignore[no-untyped-call]
    audio = learner.engine.audio
    if audio is not None and audio.grad is not None:
        sums.audio += float(audio.grad.norm()) ** 2
    learner.engine.audio = None
