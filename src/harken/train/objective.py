"""What a stage gives the train loop: how a step's work is prepared, and the loss of a part of it.

A step is one update of the weights. Its examples are divided into micro-batches, each of which has
a forward and a backward pass of its own. The loss of a micro-batch is a mean over its answer tokens
(or replies); the loop weights it by their share in the whole step, so that four micro-batches of
two examples have the gradient of one of eight.

Of several processes each prepares its own micro-batches only. What is drawn at random is drawn for
the whole step by all of them; sizes and numbers are known from the own ones, and the loop sums
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from torch import Tensor

from harken.train import parallel

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """What is in memory at once.

    Attributes:
        batch: what the stage's `loss` takes, such as tokenized examples.
        weight: how many things its loss is a mean over: answer tokens, replies, …; 0: it counts for
            nothing, and is computed since the other processes compute one too.
    """

    batch: Any
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The work of one step, as far as it is this process's.

    Attributes:
        micro_batches: of this process; all processes have as many. Empty: nothing is learned in
            this step.
        counts: numbers for the metrics, such as ``clips``, which are summed over processes.
        about: further metrics of the whole step.
    """

    micro_batches: Sequence[MicroBatch]
    counts: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """What a stage optimises.

    Attributes:
        prepare: step -> the work of this process; random draws depend on seed and step only.
        loss: a micro-batch -> its loss, a mean over `MicroBatch.weight` things, and further metrics
            (means over the same things).
        training: whether dropout is on in what is trained.
        ahead: whether `prepare` depends on neither weights nor earlier steps, so that the next step
            may be prepared while one runs.
        check: called before step 0; raises what is wrong with the items.
        named: step -> ids of its items, for errors.
        stride: checkpoints by time are made after multiples of so many steps only (steps on the
            same replies belong together).
    """

    prepare: Callable[[int], Prepared]
    loss: Callable[[MicroBatch], tuple[Tensor, Mapping[str, float]]]
    training: bool = True
    ahead: bool = True
    check: Callable[[], None] = lambda: None
    named: Callable[[int], Sequence[str]] = lambda step: ()
    stride: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A piece of a step as a micro-batch: see `MicroBatch`, and the counts of `Prepared`."""

    batch: Any
    weight: float
    counts: Mapping[str, int]


def prepared(
    things: Sequence[T],
    size: int,
    make: Callable[[Sequence[T]], Made],
    about: Mapping[str, Any] | None = None,
) -> Prepared:
    """The work of this process in a step.

    Args:
        things: of the whole step, such as the numbers of items.
        size: things in a micro-batch.
        make: some of the things -> a micro-batch; it is called with those of this process.
        about: see `Prepared`.
    """
    micro_batches: list[MicroBatch] = []
    counts: dict[str, int] = {}
    for piece, counted in own_pieces(pieces(things, size), parallel.rank(), parallel.size()):
        made = make(piece)
        micro_batches.append(MicroBatch(made.batch, made.weight if counted else 0))
        for name, count in made.counts.items():
            counts[name] = counts.get(name, 0) + (count if counted else 0)
    return Prepared(micro_batches, counts, about or {})


def own_pieces(whole: Sequence[T], rank: int, size: int) -> list[tuple[T, bool]]:
    """The pieces of one process of `size`, each with whether it counts.

    All processes have as many: one that has fewer takes the first of all again, uncounted.
    """
    own = [(piece, True) for piece in whole[rank::size]]
    missing = -(-len(whole) // size) - len(own)
    return own + [(whole[0], False)] * missing


def pieces(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """`things` in order, in pieces of at most `size`; without a remainder all are of that size.

    In several processes, which take every n-th piece, each has as many pieces where there are
    enough things, of sizes as equal as possible: 6 things of 2 are, for two processes, 2, 2, 1, 1.
    """
    processes = parallel.size()
    if processes == 1:
        return [things[start : start + size] for start in range(0, len(things), size)]
    count = min(len(things), -(-len(things) // (size * processes)) * processes)
    small, larger = divmod(len(things), count) if count else (0, 0)
    ends = [small * n + min(n, larger) for n in range(count + 1)]
    return [things[start:end] for start, end in pairwise(ends)]
