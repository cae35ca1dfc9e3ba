"""Dry runs: a stage as it will be trained, left before its first step or after a few timed ones.

A stage of fewer steps is left after its last one: only the first stage is seen.

The stage runs in full (items checked, audio probed, batches prepared, weights updated) on the model
in memory, in a folder that is thrown away. So what is seen is what a run with these settings does,
whatever the stage. Nothing is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.train.measure import prompts_in, summary_text
from harken.train.objective import Prepared
from harken.train.optimiser import Optimiser
from harken.train.stage import LoopSettings

TRIED = 20
"""Steps that are prepared until one has examples: groups of equal replies have none."""


class LeftError(Exception):
    """Ends the stage of a dry run: enough was seen."""


@dataclass(slots=True, eq=False)
class DryRun:
    """What a dry run saw.

    Attributes:
        steps: after so many steps, or all, the stage is left; 0: as soon as one with examples is
            prepared.
        learner: in training.
        settings: of the stage.
        items: ids of the items of the first step.
        examples: tokenized prompts of each prepared step.
        seconds: of each step.
        memory: group or kind -> bytes, after the first step.
    """

    steps: int = 0
    learner: Learner | None = None
    settings: LoopSettings | None = None
    items: Sequence[str] = ()
    examples: list[list[TokenizedPrompt]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    _saved: _SavedBytes | None = None


_current: ContextVar[DryRun | None] = ContextVar("dry_run", default=None)


@contextmanager
def dry_run(steps: int = 0) -> Iterator[DryRun]:
    """Within the block the first stage that trains is left after `steps` steps, with `LeftError`.

    It is left after its last step if it has fewer.

    The error ends the block too; what was seen is in the `DryRun`.
    """
    seen = DryRun(steps)
    token = _current.set(seen)
    try:
        with _SavedBytes() as saved:
            seen._saved = saved
            yield seen
    except LeftError:
        pass
    finally:
        _current.reset(token)


def current() -> DryRun | None:
    """The dry run that is going on, if one is."""
    return _current.get()


def prepared(
    learner: Learner, settings: LoopSettings, work: Prepared, named: Callable[[], Sequence[str]]
) -> None:
    """Called by the train loop when a step is prepared.

    Raises:
        LeftError: in a dry run without steps.
    """
    seen = _current.get()
    if seen is None:
        return
    if not seen.examples:
        seen.learner, seen.settings, seen.items = learner, settings, named()
    seen.examples.append([p for micro in work.micro_batches for p in prompts_in(micro.batch)])
    if seen._saved is not None:
        seen._saved.most = 0
        seen._saved.weights = {p.untyped_storage().data_ptr() for p in learner.net.parameters()}
    if seen.steps == 0 and (seen.examples[-1] or len(seen.examples) >= TRIED):
        raise LeftError


def stepped(optimiser: Optimiser, seconds: float) -> None:
    """Called by the train loop after a step.

    Raises:
        LeftError: in a dry run whose steps are done.
    """
    seen = _current.get()
    if seen is None or seen.learner is None or not seen.steps:
        return
    seen.seconds.append(seconds)
    seen.memory = {
        **_memory(seen.learner, optimiser),
        "activations": seen._saved.most if seen._saved is not None else 0,
    }
    if len(seen.seconds) >= seen.steps:
        raise LeftError


def ended() -> None:
    """Called by the train loop after the last step of a stage.

    Raises:
        LeftError: in a dry run: the stage is shorter, and the next one is not mixed with it.
    """
    if _current.get() is not None:
        raise LeftError


def _memory(learner: Learner, optimiser: Optimiser) -> dict[str, int]:
    """Bytes of the weights of each group, of gradients, and of what the optimiser keeps."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    for name, tensor in [*learner.net.named_parameters(), *learner.net.named_buffers()]:
        group = name.split(".")[0]
        if group in GROUPS and tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            found[group] = found.get(group, 0) + tensor.nbytes
    trained = learner.parameters()
    found["gradients"] = sum(parameter.nbytes for parameter in trained)
    found["optimiser"] = sum(tensor.nbytes for tensor in optimiser.moments().values())
    return found


class _SavedBytes:
    """Counts the bytes that forward passes save for their backward pass, weights left out.

    Attributes:
        most: of one forward pass.
        weights: storages that are not counted.
    """

    def __init__(self) -> None:
        self.most = 0
        self.weights: set[int] = set()
        self._storages: dict[int, int] = {}
        self._total = 0
        self._going_back = False
        self._hooks: Any = torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack)

    def __enter__(self) -> _SavedBytes:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _pack(self, tensor: Tensor) -> Tensor:
        if self._going_back:  # the next forward pass
            self._storages.clear()
            self._total, self._going_back = 0, False
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.weights:
            self._total += storage.nbytes() - self._storages.get(storage.data_ptr(), 0)
            self._storages[storage.data_ptr()] = storage.nbytes()
            self.most = max(self.most, self._total)
        return tensor.detach()  # itself would be a circle that is never freed

    def _unpack(self, tensor: Tensor) -> Tensor:
        self._going_back = True
        return tensor


def plan_of(seen: DryRun, measured: Mapping[str, Any]) -> dict[str, Any]:
    """What a run will take, from a dry run of a few steps.

    Args:
        seen: after at least one step; the first step (warming up) is left out of the time if there
            are more.
        measured: `harken.train.measure.summary` of the stage's examples, if it measured any.
    """
    assert seen.settings is not None and seen.learner is not None
    timed = seen.seconds[1:] or seen.seconds
    sizes = [sum(len(one.ids) for one in step) for step in seen.examples[-len(timed) :]]
    step_s = sum(timed) / len(timed)
    examples = int(measured.get("examples", 0))
    per_step = len(seen.items)
    return {
        "stage": seen.settings.name,
        "steps": seen.settings.steps,
        "items_in_a_step": per_step,
        "epochs": round(seen.settings.steps * per_step / examples, 3) if examples else None,
        "measured": dict(measured),
        "memory_bytes": {**seen.memory, "total": sum(seen.memory.values())},
        "trained_weights": sum(parameter.numel() for parameter in seen.learner.parameters()),
        "step_s": round(step_s, 4),
        "tokens_per_s": round(sum(sizes) / sum(timed), 1) if sum(timed) else None,
        "hours": round(seen.settings.steps * step_s / 3600, 3),
    }


def plan_text(plan: Mapping[str, Any]) -> str:
    """`plan_of` in a few lines."""
    memory = plan["memory_bytes"]
    parts = ", ".join(
        f"{name} {_megabytes(size)}" for name, size in memory.items() if name != "total"
    )
    epochs = f" = {plan['epochs']:g} epochs" if plan["epochs"] is not None else ""
    rate = f", {plan['tokens_per_s']:,.0f} tokens/s" if plan["tokens_per_s"] else ""
    lines = [
        f"stage {plan['stage']}: {plan['steps']} steps of {plan['items_in_a_step']} items{epochs}; "
        f"{plan['trained_weights']:,} weights are trained",
        summary_text(plan["measured"]) if plan["measured"] else "",
        f"memory: {_megabytes(memory['total'])} ({parts}); activations are what the measured step "
        "saved for its backward pass",
        f"step: {plan['step_s']:.3g} s{rate}; all steps: {plan['hours']:.3g} h, without "
        "evaluations and checkpoints",
    ]
    return "\n".join(line for line in lines if line)


def _megabytes(size: int) -> str:
    """``12.3 MB``, ``4.56 GB``."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
