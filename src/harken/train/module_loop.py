"""The train loop of models that are no learners: codecs and contrastive models.

A loss for each step, AdamW, metrics, and checkpoints that survive a kill. What a step draws depends
on the seed and the step only, the number of threads is fixed and torch uses deterministic
algorithms, as in `harken.train.train_loop`: killed at any moment and called again, it ends with the
same weights.

::

    metrics.jsonl                         stage, step, loss, lr and what the loss tells, by step
    checkpoint/<name>/latest.json         step, folder, number of metrics records
    checkpoint/<name>/step-000100/        model.safetensors, optimizer.safetensors
"""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ConfigError, RunError
from harken.files import checksums, damaged, sweep, write_json, write_whole
from harken.hashing import seal_fits, sealed
from harken.parsing import load_json
from harken.progress import track
from harken.runs import Run
from harken.train.determinism import deterministic, seed_step

LATEST, WEIGHTS, MOMENTS = "latest.json", "model.safetensors", "optimizer.safetensors"
_KINDS = ("exp_avg", "exp_avg_sq", "step")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSettings:
    """Settings of the loop.

    Attributes:
        name: of the training, in its records.
        steps: optimiser steps.
        lr: highest learning rate; see `rate_at`.
        warmup: share of the steps until it is reached.
        decay: AdamW's weight decay.
        clip_norm: largest norm of the gradient.
        batch: examples in a step.
        seed: of everything drawn.
        checkpoint_every: steps between checkpoints.
        threads: of torch; the result depends on it; 0: torch's default.

    Raises:
        ConfigError: values that make no sense, all of them at once.
    """

    name: str = "train"
    steps: int = 1000
    lr: float = 1e-3
    warmup: float = 0.02
    decay: float = 0.0
    clip_norm: float = 1.0
    batch: int = 16
    seed: int = 0
    checkpoint_every: int = 100
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if found := [fault for fault in self.faults() if fault]:
            raise ConfigError("; ".join(found), where=self.name)

    def faults(self) -> list[str]:
        """What is wrong with the values: what was found, and what is accepted."""
        found = [self.fault(name, 1) for name in ("steps", "batch", "checkpoint_every")]
        found += [self.fault(name, 0) for name in ("decay", "seed", "threads", "warmup")]
        found += [self.fault(name, 0, above=True) for name in ("lr", "clip_norm")]
        if not _NAME.fullmatch(self.name):
            found.append(f"name is {self.name!r} (accepted: letters, digits, . _ and -)")
        return found

    def fault(self, name: str, least: float, *, above: bool = False) -> str:
        """What is wrong with a number, or ``""``; `above`: the bound is not reached."""
        value = getattr(self, name)
        if math.isfinite(value) and (value > least if above else value >= least):
            return ""
        return f"{name} is {value!r} (accepted: {'above ' if above else ''}{least:g} or more)"


def rate_at(step: int, settings: ModuleSettings) -> float:
    """Learning rate of a step: linear warm-up, then half a cosine down to a twentieth.

    lr · min(1, (s + 1) / W) · (0.05 + 0.95 · (1 + cos(pi s / S)) / 2), with W = warmup · S.
    """
    rise = min(1.0, (step + 1) / max(1.0, settings.warmup * settings.steps))
    fall = 0.05 + 0.95 * (1 + math.cos(math.pi * step / settings.steps)) / 2
    return settings.lr * rise * fall


LossOf = Callable[[int], tuple[Tensor, dict[str, Any]]]
"""step -> (loss, what else is told of the step, as JSON values)."""


def train_module(net: nn.Module, settings: ModuleSettings, run: Run, loss_of: LossOf) -> None:
    """Train `net` in place, from the latest checkpoint to the last step.

    Args:
        net: its parameters that require a gradient are trained; its other state is kept in
            checkpoints too if it changes.
        settings: of the loop.
        run: gets metrics and checkpoints.
        loss_of: the loss of a step, called in training mode with torch seeded for the step.

    Raises:
        RunError: a loss or a gradient is not finite, or a checkpoint is damaged.
    """
    with deterministic(settings.threads):
        _ModuleLoop(net, settings, run, loss_of).all()


class _ModuleLoop:
    """One call of `train_module`."""

    def __init__(self, net: nn.Module, settings: ModuleSettings, run: Run, loss_of: LossOf) -> None:
        self.net, self.settings, self.run, self.loss_of = net, settings, run, loss_of
        self.trained = {n: p for n, p in net.named_parameters() if p.requires_grad}
        self.optimiser = torch.optim.AdamW(
            list(self.trained.values()),
            lr=settings.lr,
            betas=(0.9, 0.98),
            weight_decay=settings.decay,
            foreach=False,
        )
        self.folder = run.path("checkpoint") / settings.name
        frozen = {n for n, p in net.named_parameters() if not p.requires_grad}
        self.kept = [name for name in net.state_dict() if name not in frozen]

    def all(self) -> None:
        """Every step that is left."""
        first, finished = self._restore()
        if not finished:
            self.net.train()
            for step in track(range(first, self.settings.steps), self.settings.name):
                self._step(step)
        self.net.eval()

    def _step(self, step: int) -> None:
        settings, start = self.settings, time.perf_counter()
        seed_step(settings.seed, settings.name, step)
        rate = rate_at(step, settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss, told = self.loss_of(step)
        if not bool(torch.isfinite(loss.detach())):
            raise self._not_finite("the loss", step)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(
            list(self.trained.values()), settings.clip_norm, foreach=False
        )
        if not bool(torch.isfinite(norm)):
            raise self._not_finite("a gradient", step)
        self.optimiser.step()
        done = step + 1
        due = done % settings.checkpoint_every == 0 or done == settings.steps
        head = {"stage": settings.name, "step": step, "loss": float(loss.detach()), "lr": rate}
        self.run.append("metrics", [{**head, **told}], sync=due)
        self.run.log({"stage": settings.name, "step": step, "s": time.perf_counter() - start})
        if due:
            self._save(done)

    def _not_finite(self, what: str, step: int) -> RunError:
        return RunError(
            f"{what} is not finite in step {step}",
            where=self.settings.name,
            hint="Lower the learning rate, or look at the recordings.",
        )

    # Checkpoints ------------------------------------------------------------------------------

    def _state(self) -> dict[str, Tensor]:
        state = self.net.state_dict()
        return {name: state[name].detach() for name in self.kept}

    def _save(self, done: int) -> None:
        """A new folder, then `LATEST` in one go, then the older folder is removed."""
        fresh, before = self.folder / f"step-{done:06d}", self._latest().get("folder", "")
        if fresh.exists() and fresh.name != before:
            shutil.rmtree(fresh)  # a kill left it half written
        fresh.mkdir(parents=True, exist_ok=True)
        moments = {
            f"{kind}:{name}": torch.as_tensor(self.optimiser.state[parameter][kind])
            for name, parameter in self.trained.items()
            for kind in _KINDS
            if kind in self.optimiser.state[parameter]
        }
        _write_tensors(fresh / WEIGHTS, self._state())
        _write_tensors(fresh / MOMENTS, moments)
        latest = {
            "step": done,
            "folder": fresh.name,
            "records": {"metrics": self.run.count("metrics")},
            "finished": done == self.settings.steps,
            "files": checksums(fresh, [WEIGHTS, MOMENTS]),
        }
        write_json(self.folder / LATEST, sealed(latest))
        if before and before != fresh.name:
            shutil.rmtree(self.folder / before, ignore_errors=True)

    def _latest(self) -> dict[str, Any]:
        path = self.folder / LATEST
        if not path.is_file():
            return {}
        try:
            found = load_json(path)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not seal_fits(found):
            raise RunError(
                f"the checkpoint's {LATEST} is damaged",
                where=str(path),
                hint="Delete the run's folder, and train again.",
            )
        return found

    def _restore(self) -> tuple[int, bool]:
        """Load the latest checkpoint, if there is one; returns the next step, and if it is over."""
        from safetensors.torch import load

        latest = self._latest()
        if self.folder.is_dir():
            sweep(self.folder)
        if not latest.get("finished"):
            self.run.truncate("metrics", latest.get("records", {}).get("metrics", 0))
        if not latest:
            return 0, False
        here = self.folder / str(latest["folder"])
        if bad := damaged(here, latest["files"]):
            raise RunError(
                f"the checkpoint is damaged: {', '.join(bad)} is not what was written",
                where=str(here),
                hint="Delete the run's folder, and train again.",
            )
        self.net.load_state_dict(load((here / WEIGHTS).read_bytes()), strict=False)
        for key, tensor in load((here / MOMENTS).read_bytes()).items():
            kind, _, name = key.partition(":")
            self.optimiser.state[self.trained[name]][kind] = tensor
        return int(latest["step"]), bool(latest["finished"])


def _write_tensors(path: Any, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    write_whole(path, save({n: t.cpu().contiguous() for n, t in sorted(tensors.items())}))
