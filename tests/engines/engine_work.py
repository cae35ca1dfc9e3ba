"""Work of units for tests: in a module of its own, since workers import it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.engines.base import WorkUnit
from harken.item import Item
from made_items import make


def double(shared: Any, unit: WorkUnit) -> Any:
    return unit.value * shared


def dies_once(shared: Path, unit: WorkUnit) -> Any:
    """Kills its own worker at the first attempt at unit 3."""
    mark = shared / "died"
    if unit.value == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return unit.value


def dies(shared: Any, unit: WorkUnit) -> Any:
    if unit.value == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return unit.value


def fails_twice(shared: Path, unit: WorkUnit) -> Any:
    mark = shared / f"{unit.value}-{time.monotonic_ns()}"
    mark.touch()
    if len(list(shared.glob(f"{unit.value}-*"))) < 3:
        raise ValueError("not yet")
    return unit.value


def full(shared: Any, unit: WorkUnit) -> Any:
    raise OSError(28, "No space left on device")


def threads_and_libraries(shared: Any, unit: WorkUnit) -> Any:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    blas = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    return blas, sorted({"torch", "transformers"} & sys.modules.keys()), os.getpid()


def items_of(start: int, offset: int) -> Iterator[Item]:
    yield from (make(i + offset) for i in range(start, start + 5))


def items_or_death(start: int, mark: str) -> Iterator[Item]:
    """Kills its own worker in the middle of the unit from 5, once."""
    for i in range(start, start + 5):
        if i == 7 and not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield make(i)


def items_of_files(start: int, folder: str) -> Iterator[Item]:
    for i in range(start, start + 5):
        yield make(i, (Clip(path=f"{folder}/{i}.wav", duration_s=0.5),))
