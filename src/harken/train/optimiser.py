"""AdamW with a learning rate for each module group, and clipping of the gradient.

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
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
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
        held: what AdamW updates.
    """

    name: str
    group: str
    parameter: nn.Parameter
    held: Tensor


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
        self.rates = rates(learner, settings)
        parameters = {id(parameter) for parameter in learner.trainable(list(self.rates))}
        if not parameters:
            raise _nothing(learner, settings, self.rates)
        self.weights = [
            Weight(name, name.split(".")[0], parameter, parameter)
            for name, parameter in learner.net.named_parameters()
            if id(parameter) in parameters
        ]
        if any(weight.parameter.dtype == torch.float16 for weight in self.weights):
            raise ConfigError(
                f"the weights of {learner.name} are float16, and AdamW underflows in it",
                where=settings.name,
                hint="Train in bfloat16 or float32.",
            )
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
        self.adamw.zero_grad(set_to_none=True)

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
        total = _norm(held)
        norm = float(total)
        if not math.isfinite(norm):
            bad = [one.name for one in self.weights if _is_bad(one.held.grad)]
            shown = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            raise NotFiniteError(f"the norm of the gradient is {norm} ({shown or 'too large'})")
        found = {"grad_norm": round(norm, 6)}
        for group, own in self.groups().items():
            found[f"grad_norm_{group}"] = round(float(_norm([one.held for one in own])), 6)
        torch.nn.utils.clip_grads_with_norm_(held, self._settings.clip_norm, total)
        return found

    def step(self) -> None:
        """One update."""
        self.adamw.step()

    def moments(self) -> dict[str, Tensor]:
        """What AdamW knows of each weight, as ``kind:name``."""
        return {
            f"{kind}:{weight.name}": value
            for weight in self.weights
            for kind, value in self.adamw.state.get(weight.held, {}).items()
        }

    def load_moments(self, saved: Mapping[str, Tensor]) -> None:
        """Take back what `moments` gave."""
        for weight in self.weights:
            own = {k: saved[f"{k}:{weight.name}"] for k in _KINDS if f"{k}:{weight.name}" in saved}
            device = weight.held.device
            if own:  # the number of updates stays where AdamW keeps it, on the CPU
                moved = {k: value if k == "step" else value.to(device) for k, value in own.items()}
                self.adamw.state[weight.held] = moved

    def require_finite(self, step: int) -> None:
        """Raise RunError if a weight is not finite: no such checkpoint is saved."""
        require_finite([weight.held for weight in self.weights], self._settings.name, step)


def require_finite(tensors: Sequence[Tensor], stage: str, step: int) -> None:
    """Raise RunError if a value of `tensors` is not finite."""
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
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
