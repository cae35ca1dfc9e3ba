"""Evaluations during training: a function that the loop calls, which may end the stage.

The loop calls it every `evaluate_every` steps, first before step 0 and last after the final step,
with the model in evaluation mode. What it returns is appended to ``evaluations.jsonl`` of the run;
a reason to stop ends the stage with a checkpoint, as if it had been the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

RECORDS = "evaluations"
"""Name of the records in the run."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation found.

    Attributes:
        metrics: JSON values.
        stop: why the stage should end here; empty: it goes on.
    """

    metrics: Mapping[str, Any] = field(default_factory=dict)
    stop: str = ""


Evaluate = Callable[[int, Sequence[Mapping[str, Any]]], Evaluation]
"""(steps done, earlier records of this stage) -> what was found.

A record is ``{"stage", "step", "stop", **metrics}``. All that the function knows of earlier
evaluations should come from them: a run that was killed calls it again from the checkpoint on.
"""

_current: ContextVar[Evaluate | None] = ContextVar("evaluate", default=None)


@contextmanager
def evaluating(evaluate: Evaluate) -> Iterator[None]:
    """Call `evaluate` in all stages that are trained within the block."""
    token = _current.set(evaluate)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Evaluate | None:
    """The function of the innermost `evaluating` block, if there is one."""
    return _current.get()
