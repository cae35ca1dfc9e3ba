"""An in-memory cache with a limit in bytes, which evicts the least recently used values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by key; once their sizes sum to more than `limit` bytes, the least recently used go.

    Safe to use from several threads.

    Attributes:
        limit: most bytes.
        held: bytes of the cached values, as stated to `put`.
    """

    def __init__(self, limit: int) -> None:
        """An empty cache of `limit` bytes."""
        self.limit = limit
        self.held = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The cached value, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Cache `value` of `size` bytes; a value larger than half the limit is not cached."""
        if size > self.limit // 2:
            return
        with self._lock:
            self.held += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = value, size
            while self.held > self.limit:
                self.held -= self._values.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
            self.held = 0
