"""The work of the next step is prepared in a second thread while a step runs.

Preparing draws from generators of its own, by seed and step, and reads neither weights nor torch's
random state: the bytes are the same as without the thread. One step is prepared ahead, no more: a
fault of an item is told in the step that would use it.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from harken.train.objective import Objective, Prepared


class Loader:
    """The prepared work of steps, asked for in order.

    Args:
        objective: prepares it.
        steps: of the stage; later ones are not prepared.
        ahead: whether to use a second thread; only where the objective allows it.

    Attributes:
        waited_s: seconds that the last step waited for its work.
    """

    def __init__(self, objective: Objective, steps: int, *, ahead: bool = True) -> None:
        self._objective = objective
        self._steps = steps
        self._next: dict[int, Future[Prepared]] = {}
        self.waited_s = 0.0
        self._pool: ThreadPoolExecutor | None = None
        if ahead and objective.ahead:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread; what it is doing is finished first."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def get(self, step: int) -> Prepared:
        """The work of `step`; that of the next one is begun.

        Raises:
            HarkenError: what `Objective.prepare` raises for this step.
        """
        before = time.perf_counter()
        if self._pool is None:
            found = self._objective.prepare(step)
        else:
            future = self._next.pop(step, None) or self._pool.submit(self._objective.prepare, step)
            found = future.result()
            if step + 1 < self._steps:
                self._next = {step + 1: self._pool.submit(self._objective.prepare, step + 1)}
        self.waited_s = time.perf_counter() - before
        return found

    def rest(self) -> None:
        """Wait until the thread does nothing: an evaluation has the model to itself."""
        wait(self._next.values())
