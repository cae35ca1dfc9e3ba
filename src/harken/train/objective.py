"""What a stage gives the train loop: how a step's work is prepared, and the loss of a part of it.

A step is one update of the weights. Its examples are divided into micro-batches, each of which has
a forward and a backward pass of its own. The loss of a micro-batch is a mean over its answer tokens
(or replies); the loop weights it by their share in the whole step, so that four micro-batches of
two examples have the gradient of one of eight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from harken.train import parallel


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """What is in memory at once.

    Attributes:
        batch: what the stage's `loss` takes, such as tokenized examples.
        weight: how many things its loss is a mean over: answer tokens, replies, ….
    """

    batch: Any
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The work of one step.

    Attributes:
        micro_batches: of the whole step; in several processes all prepare the same ones, and each
            takes its share. Empty: nothing is learned in this step.
        counts: numbers of the whole step for its metrics, such as ``clips``.
        about: further metrics of the step.
    """

    micro_batches: Sequence[MicroBatch]
    counts: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """What a stage optimises.

    Attributes:
        prepare: step -> its work; random draws depend on seed and step only.
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


def pieces(things: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """`things` in order, in pieces of `size`; the last may be smaller.

    In several processes the pieces are so small that there is one for each: a process takes every
    n-th of them.
    """
    most = max(1, min(size, -(-len(things) // parallel.size())))
    return [things[start : start + most] for start in range(0, len(things), most)]
