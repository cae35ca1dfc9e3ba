"""Training in several processes: who does what, and how their gradients become one.

Started by ``torchrun`` or ``accelerate launch``, every process draws the same steps, and prepares
its share of the micro-batches. The loss of each is weighted by its share in the whole step, over
all processes, and the gradients are summed: the update is that of one process.

The wrappers of torch (DistributedDataParallel) and accelerate are not used: they average over
processes, whatever each had; they want one ``forward`` where the engine calls encoder, embeddings
and decoder; and their buckets are laid out anew after the first step, so that a resumed run with
more than two processes adds in another order. Here the order is that of the net, always.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from harken import progress
from harken.errors import ConfigError, HarkenError, RunError
from harken.models.learner import Learner
from harken.process_end import threads_stay
from harken.runs import Run
from harken.threads import fix_products

S = TypeVar("S")
T = TypeVar("T")

KINDS = ("ddp", "fsdp")
"""How the model is held: whole in every process, or sharded over them (FSDP2)."""

_BUCKET = 16 << 20
_PATIENCE = timedelta(hours=12)  # others wait while process 0 asks the model before step 0
_LET_GO_MS = 2000  # a thread lets go within a few
_kind: ContextVar[str] = ContextVar("parallel", default="ddp")


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process; 0 writes."""
    return dist.get_rank() if size() > 1 else 0


def sharded() -> bool:
    """Whether the model is sharded over several processes."""
    return size() > 1 and _kind.get() == "fsdp"


@contextmanager
def processes(device: str = "", kind: str = "") -> Iterator[str]:
    """Join the processes of ``torchrun`` or ``accelerate launch`` for a block; alone: nothing.

    A program of your own ends with `harken.process_end.end_now`, as ``harken train`` does.

    Args:
        device: where it is trained; ``cuda`` becomes the device of this process.
        kind: one of `KINDS`; empty: ``fsdp`` if ``accelerate launch`` was told so, else ``ddp``.

    Yields:
        The device of this process.

    Raises:
        ConfigError: an unknown kind; ``fsdp`` asked for with one process.
    """
    chosen = kind or ("fsdp" if os.environ.get("ACCELERATE_USE_FSDP") == "true" else "ddp")
    if chosen not in KINDS:
        raise ConfigError(f"parallel is {kind!r}", hint=f"Known: {', '.join(KINDS)}.")
    alone = int(os.environ.get("WORLD_SIZE", "1")) < 2
    if alone and kind == "fsdp":
        raise ConfigError(
            "--parallel is fsdp, and there is one process: nothing can be sharded",
            hint="Start it with torchrun or accelerate launch, or leave out --parallel.",
        )
    fix_products()  # before a model is on the device
    if alone or dist.is_initialized():
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    threads_stay()
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    token = _kind.set(chosen)
    try:
        if rank():
            progress.quiet()
        yield device
        _end_together()
    finally:
        _kind.reset(token)
        dist.destroy_process_group()


def _end_together() -> None:
    """A last collective call: who leaves before the others cuts off their messages.

    Gloo's threads let go of its tensor a moment after the call has returned, and need Python for
    it. One that does so while Python ends aborts the process ("terminate called without an active
    exception"); destroying the group does not join them where something of torch still holds it
    (the defaults of torch.distributed.nn, the caches of DTensor). So wait for it here. A thread
    that is late with an earlier call is not seen: a program ends with `process_end.end_now`.
    """
    last = torch.zeros(1, device=_home())
    dist.all_reduce(last)
    for _ in range(_LET_GO_MS):
        if sys.getrefcount(last) <= 2:  # its name here, and the argument of getrefcount
            return
        time.sleep(0.001)


def barrier() -> None:
    """Wait for all processes."""
    if size() > 1:
        share(None)


def share(value: T) -> T:
    """The value of process 0."""
    if size() == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def gathered(value: T) -> list[T]:
    """The value of every process, by its number."""
    found = [value] * size()
    if size() > 1:
        dist.all_gather_object(found, value)
    return found


def divided(compute: Callable[[Sequence[S]], Tensor], things: Sequence[S]) -> Tensor:
    """``compute(things)``, of which each process computes a part.

    Args:
        compute: things -> values (N,), those of one thing after the other.
        things: the same in all processes; neighbours stay together.
    """
    if size() == 1:
        return compute(things)
    ends = [len(things) * number // size() for number in range(size() + 1)]
    own = things[ends[rank()] : ends[rank() + 1]]
    made = together(lambda: compute(own).cpu() if own else None)
    return torch.cat([part for part in gathered(made) if part is not None]).to(_home())


def summed(values: Sequence[float]) -> list[float]:
    """The sums of numbers over all processes, each in float64."""
    if size() == 1:
        return list(values)
    whole = torch.tensor(values, dtype=torch.float64, device=_home())
    dist.all_reduce(whole)
    return [float(value) for value in whole]


def sum_tensors(tensors: Sequence[Tensor]) -> None:
    """Replace float32 tensors by their sums over all processes, in buckets of a fixed order."""
    start, held = 0, 0
    for end, tensor in enumerate(tensors, 1):
        held += tensor.numel()
        if held >= _BUCKET or end == len(tensors):
            own = tensors[start:end]
            flat = torch.cat([one.reshape(-1) for one in own])
            dist.all_reduce(flat)
            at = 0
            for one in own:
                one.copy_(flat[at : at + one.numel()].view_as(one))
                at += one.numel()
            start, held = end, 0


def share_tensors(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by those of process 0."""
    if size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


def part(whole: Tensor) -> Tensor:
    """This process's part of a tensor that is sharded along its first dimension."""
    parts = whole.chunk(size(), 0)
    return parts[rank()] if rank() < len(parts) else whole[:0]


def open_run(folder: Path, spec: Mapping[str, Any]) -> Run:
    """`Run.open` in process 0; in the others a run that can be read and ignores what is written."""
    if rank() == 0:
        opened = Run.open(folder, spec)
        barrier()
        return opened
    barrier()
    return Follower(folder, dict(spec))


class Follower(Run):
    """A run that process 0 writes to."""

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        super().__init__(folder, spec, writable=False)

    def append(self, name: str, records: Any, *, sync: bool = True) -> None:
        """Nothing: process 0 writes."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Nothing: process 0 writes."""

    def truncate(self, name: str, n_records: int) -> None:
        """Nothing: process 0 writes."""

    def rewrite(self, name: str, records: Any) -> None:
        """Nothing: process 0 writes."""

    def write_json(self, name: str, value: Any) -> Path:
        """Nothing: process 0 writes."""
        return self.folder / f"{name}.json"

    def finish(self, summary: Mapping[str, Any] | None = None) -> None:
        """Nothing: process 0 writes."""


def in_first(write: Callable[[], None]) -> None:
    """Call `write` in process 0, while the others wait; see `from_first`."""
    from_first(write)


def from_first(work: Callable[[], T]) -> T:
    """What `work` gives in process 0; an error there ends all processes.

    Raises:
        RunError: in the other processes, what process 0 raised.
    """

    def own() -> T | None:
        return work() if rank() == 0 else None

    return share(together(own))  # type: ignore[return-value]


def together(work: Callable[[], T]) -> T:
    """What `work` gives, once it has succeeded in all processes.

    An error in one would leave the others waiting for its gradient.

    Raises:
        RunError: it failed in another process.
    """
    if size() == 1:
        return work()
    error: Exception | None = None
    try:
        found = work()
    except Exception as caught:
        error = caught
    if any(summed([error is not None])):
        told = gathered(_told(error))
        if error is not None:
            raise error
        number = next(n for n, text in enumerate(told) if text)
        raise RunError(
            f"process {number} stopped: {told[number]}", hint="Mend what it says, and start again."
        )
    return found


def _told(error: Exception | None) -> str:
    """An error as the other processes tell it, without its advice; empty without one."""
    if isinstance(error, HarkenError):
        return error.found + (f" (in {error.where})" if error.where else "")
    return f"{type(error).__name__}: {error}" if error is not None else ""


class Held:
    """How the processes hold the model: here whole, in one process or in each of several."""

    sharded = False

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    def run(self, work: Callable[[], T]) -> T:
        """Do `work`, which computes with the model; all processes do as much of it."""
        return work()

    def look(self, work: Callable[[], T]) -> T:
        """Do `work`, which reads the model without a gradient; all processes do the same."""
        return work()

    def reached(self, loss: Tensor) -> set[str]:
        """Names of trained tensors that a backward pass of `loss` reaches, where it must be asked.

        Held whole, the gradients themselves tell.
        """
        return set()

    def close(self) -> None:
        """Leave the model whole in every process, as it was."""


def _home() -> torch.device:
    """Where numbers are for a collective call."""
    on_gpu = dist.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
