"""AdamW with a learning rate for each module group, on float32 weights, and clipped gradients.

bfloat16 has 8 bits: an update below 1/512 of a weight is lost in it. AdamW updates a float32 copy
of such a weight, and the weight is that copy rounded. Gradients are added up in float32 too.

The rate of a group at step s of S, with its highest rate lr and W = warmup * S:
lr * min(1, (s + 1) / W) * (0.05 + 0.95 * (1 + cos(pi s / S)) / 2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harken.errors import ConfigError, RunError
from harken.listed import listed
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.train import parallel
from harken.train.stage import LoopSettings

_BETAS = (0.9, 0.98)
_KINDS = ("exp_avg", "exp_avg_sq", "step")


class NotFiniteError(Exception):
    """What of a step is not finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """One trained tensor.

    Attributes:
        name: in the net; `group`: its module group.
        parameter: what the net computes with.
        held: what AdamW updates: the parameter itself; of one in bfloat16 a float32 copy, of a
            sharded one this process's part.
    """

    name: str
    group: str
    parameter: nn.Parameter
    held: Tensor

    @property
    def sharded(self) -> bool:
        """Whether this process has a part of it only."""
        return hasattr(self.parameter, "to_local")

    @property
    def local(self) -> Tensor:
        """The parameter, or this process's part; shares its memory."""
        return _local(self.parameter.detach())

    @property
    def copied(self) -> bool:
        """Whether AdamW has a copy of its own."""
        return self.parameter.dtype != torch.float32

    def collect(self) -> None:
        """Add the parameter's gradient to that of what is held."""
        if self.held is self.parameter or self.parameter.grad is None:
            return
        fresh = _local(self.parameter.grad).float()
        self.held.grad = fresh if self.held.grad is None else self.held.grad.add_(fresh)
        self.parameter.grad = None

    def publish(self) -> None:
        """Round the copy to the parameter."""
        if self.copied:
            with torch.no_grad():
                self.local.copy_(self.held)


def _local(tensor: Tensor) -> Tensor:
    """This process's part of a sharded tensor; any other as it is."""
    part: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return part


def _held(parameter: nn.Parameter) -> Tensor:
    """What AdamW updates in place of `parameter`."""
    if parameter.dtype != torch.float32:
        return _local(parameter.detach()).float()
    return _local(parameter.detach()) if hasattr(parameter, "to_local") else parameter


def default_rates(learner: Learner) -> dict[str, float]:
    """Group -> its highest rate where the settings name none.

    A fresh projector needs about 1e-3. A pretrained part is adapted at 2e-4 with LoRA; without, a
    language model is trained at 2e-5, and an audio encoder is frozen (1e-5 is usual where it is
    not). An encoder with fresh weights is trained as the projector is.
    """
    adapters = learner.adapters
    encoder = 1e-3 if learner.fresh_encoder else 0.0
    return {
        "audio_encoder": 2e-4 if "audio_encoder" in adapters else encoder,
        "projector": 1e-3,
        "lm": 2e-4 if "lm" in adapters else 2e-5,
    }


def rates(learner: Learner, settings: LoopSettings) -> dict[str, float]:
    """The groups that are trained and the highest rate of each; those with a rate of 0 are not."""
    defaults = default_rates(learner)
    found = {}
    for group in (name for name in GROUPS if name in settings.groups):
        own: float | None = getattr(settings, f"lr_{group}")
        highest = own if own is not None else settings.lr
        found[group] = defaults[group] if highest is None else highest
    return {group: highest for group, highest in found.items() if highest > 0}


def rate(settings: LoopSettings, step: int, highest: float) -> float:
    """The learning rate of `step`, by the formula at the top of this file."""
    warmup = min(1.0, (step + 1) / max(1.0, settings.warmup * settings.steps))
    decay = 0.05 + 0.95 * (1 + math.cos(math.pi * step / max(1, settings.steps))) / 2
    return float(highest * warmup * decay)


def freeze(learner: Learner, settings: LoopSettings) -> dict[str, float]:
    """Freeze all groups but those that are trained; returns their highest rates.

    Raises:
        ConfigError: nothing is trained, or weights are float16.
    """
    chosen = rates(learner, settings)
    parameters = learner.trainable(list(chosen))
    if not parameters:
        raise _nothing(learner, settings, chosen)
    if any(parameter.dtype == torch.float16 for parameter in parameters):
        raise ConfigError(
            f"the weights of {learner.name} are float16, and AdamW underflows in it",
            where=settings.name,
            hint="Train in bfloat16 or float32.",
        )
    return chosen


class Optimiser:
    """AdamW over the trained groups of a learner; all other groups are frozen.

    Attributes:
        rates: group -> highest rate.
        weights: the trained tensors, in the order of the net.
        adamw: has a parameter group for each module group.

    Raises:
        ConfigError: nothing is trained, or weights are float16.
    """

    def __init__(self, learner: Learner, settings: LoopSettings) -> None:
        self._settings = settings
        self.rates = freeze(learner, settings)
        parameters = {id(parameter) for parameter in learner.parameters()}
        self.weights = [
            Weight(name, name.split(".")[0], parameter, _held(parameter))
            for name, parameter in learner.net.named_parameters()
            if id(parameter) in parameters
        ]
        self.adamw = torch.optim.AdamW(
            [
                {"params": [weight.held for weight in own], "lr": self.rates[group], "name": group}
                for group, own in self.groups().items()
            ],
            weight_decay=settings.decay,
            betas=_BETAS,
            foreach=True,
        )

    def groups(self) -> dict[str, list[Weight]]:
        """The trained tensors by module group; no group is empty."""
        found: dict[str, list[Weight]] = {}
        for weight in self.weights:
            found.setdefault(weight.group, []).append(weight)
        return found

    def clear(self) -> None:
        """Drop all gradients."""
        for weight in self.weights:
            weight.held.grad = weight.parameter.grad = None

    def collect(self) -> None:
        """Take the gradients of one backward pass."""
        for weight in self.weights:
            weight.collect()

    def set_rates(self, step: int) -> dict[str, float]:
        """Set the rates of `step`; returns them for its metrics.

        ``lr`` is the highest of them; where they differ, each group has its own besides.
        """
        found = {}
        for group in self.adamw.param_groups:
            group["lr"] = rate(self._settings, step, self.rates[group["name"]])
            found[f"lr_{group['name']}"] = group["lr"]
        own = {"lr": max(found.values())}
        return own | found if len({*found.values()}) > 1 else own

    def clip(self) -> dict[str, float]:
        """Scale the gradient to the norm of the settings at most; returns norms before that.

        As `torch.nn.utils.clip_grad_norm_`, which would spread a value that is not finite to all of
        them before it could be said where it was.

        Raises:
            NotFiniteError: a value of the gradient is not finite, or their norm is too large.
        """
        held = [weight.held for weight in self.weights]
        total, by_group = self._norms()
        norm = float(total)
        if not math.isfinite(norm):
            bad = [one.name for one in self.weights if _is_bad(one.held.grad)]
            raise NotFiniteError(
                f"the norm of the gradient is {norm} ({listed(bad, 3) or 'too large'})"
            )
        found = {"grad_norm": round(norm, 6)}
        found |= {f"grad_norm_{group}": round(own, 6) for group, own in by_group.items()}
        torch.nn.utils.clip_grads_with_norm_(held, self._settings.clip_norm, total)
        return found

    def _norms(self) -> tuple[Tensor, dict[str, float]]:
        """The norm of the gradient over all processes, and that of each group."""
        groups = self.groups()
        if not any(weight.sharded for weight in self.weights):
            total = _norm([weight.held for weight in self.weights])
            return total, {g: float(_norm([w.held for w in own])) for g, own in groups.items()}
        squares = [float(_norm([w.held for w in own if w.sharded])) ** 2 for own in groups.values()]
        whole = parallel.summed(squares)  # each process has other parts
        rest = [float(_norm([w.held for w in own if not w.sharded])) for own in groups.values()]
        sums = [square + own**2 for square, own in zip(whole, rest, strict=True)]
        norms = {group: math.sqrt(square) for group, square in zip(groups, sums, strict=True)}
        return torch.tensor(math.sqrt(sum(sums)), device=self.weights[0].held.device), norms

    def reduce(self, reached: set[str]) -> bool:
        """Sum the gradients over all processes; returns whether there are any.

        A tensor without a gradient in every process has none; in some only, theirs counts.

        Args:
            reached: names of sharded tensors that this process's backward passes reached, whose
                gradients are summed already.
        """
        if parallel.size() == 1:
            return any(weight.held.grad is not None for weight in self.weights)
        own = [
            weight.name in reached if weight.sharded else weight.held.grad is not None
            for weight in self.weights
        ]
        found = parallel.summed([float(one) for one in own])
        whole = []
        for weight, count in zip(self.weights, found, strict=True):
            if not count:
                weight.held.grad = None
            elif weight.held.grad is None:
                weight.held.grad = torch.zeros_like(weight.held)
            if count and not weight.sharded:
                assert weight.held.grad is not None
                whole.append(weight.held.grad)
        parallel.sum_tensors(whole)
        return any(found)

    def step(self) -> None:
        """One update."""
        self.adamw.step()
        for weight in self.weights:
            weight.publish()

    def moments(self) -> dict[str, Tensor]:
        """What AdamW knows of each weight, as ``kind:name``; ``master`` is a float32 copy."""
        found = {
            f"{kind}:{weight.name}": value
            for weight in self.weights
            for kind, value in self.adamw.state.get(weight.held, {}).items()
        }
        return found | {f"master:{one.name}": one.held for one in self.weights if one.copied}

    def load_moments(self, saved: Mapping[str, Tensor]) -> None:
        """Take back what `moments` gave."""
        for weight in self.weights:
            own = {k: saved[f"{k}:{weight.name}"] for k in _KINDS if f"{k}:{weight.name}" in saved}
            if weight.sharded:
                own = {
                    k: value if k == "step" else parallel.part(value) for k, value in own.items()
                }
            if weight.copied:
                master = saved[f"master:{weight.name}"]
                weight.held.copy_(parallel.part(master) if weight.sharded else master)
            device = weight.held.device
            if own:  # the number of updates stays where AdamW keeps it, on the CPU
                moved = {k: value if k == "step" else value.to(device) for k, value in own.items()}
                self.adamw.state[weight.held] = moved

    def require_finite(self, step: int) -> None:
        """Raise RunError if a weight is not finite: no such checkpoint is saved."""
        held = [weight.held for weight in self.weights]
        require_finite(held, self._settings.name, step)


def require_finite(tensors: Sequence[Tensor], stage: str, step: int) -> None:
    """Raise RunError if a value of `tensors` is not finite."""
    bad = not all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
    if any(parallel.summed([bad])):
        raise RunError(
            f"weights are not finite after step {step}",
            where=stage,
            hint="Lower the learning rate.",
        )


def _norm(held: Sequence[Tensor]) -> Tensor:
    grads = [tensor.grad for tensor in held if tensor.grad is not None]
    return torch.nn.utils.get_total_norm(grads)


def _is_bad(grad: Tensor | None) -> bool:
    return grad is not None and not bool(torch.isfinite(grad).all())


def _nothing(learner: Learner, settings: LoopSettings, chosen: Mapping[str, float]) -> ConfigError:
    """Why there is nothing to train."""
    named = ", ".join(settings.groups)
    if chosen:
        return ConfigError(
            f"{learner.name} has no weights of its own in {', '.join(chosen)}",
            where=settings.name,
            hint="Name other groups; where the audio encoder projects, that is audio_encoder.",
        )
    return ConfigError(
        f"the learning rates of {named} are 0, which freezes them: nothing would be trained",
        where=settings.name,
        hint="Set one of " + ", ".join(f"lr_{group}" for group in settings.groups) + ", or lr.",
    )
