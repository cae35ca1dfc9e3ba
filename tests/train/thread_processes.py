"""Threads that stand in for several processes, for quick tests of what they share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import torch

from harken.train import parallel

T = TypeVar("T")


class ThreadProcesses:
    """Replaces what `harken.train.parallel` asks torch for: each thread is a process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        self.size = size
        self._own = threading.local()
        self._barrier = threading.Barrier(size, timeout=60)
        self._values: list[Any] = [None] * size
        for name in ("share", "gathered", "summed"):
            monkeypatch.setattr(parallel, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(parallel, "size", lambda: size)
        monkeypatch.setattr(parallel, "rank", lambda: self._own.rank)
        monkeypatch.setattr(parallel, "_home", lambda: torch.device("cpu"))

    def run(self, work: Callable[[int], T]) -> list[T]:
        """What `work` gives in each process, by its number."""

        def own(rank: int) -> T:
            self._own.rank = rank
            return work(rank)

        with ThreadPoolExecutor(self.size) as pool:
            return [one.result() for one in [pool.submit(own, rank) for rank in range(self.size)]]

    def _gathered(self, value: Any) -> list[Any]:
        self._barrier.wait()
        self._values[self._own.rank] = value
        self._barrier.wait()
        return list(self._values)

    def _share(self, value: Any) -> Any:
        return self._gathered(value)[0]

    def _summed(self, values: list[float]) -> list[float]:
        return [float(sum(own)) for own in zip(*self._gathered(values), strict=True)]
