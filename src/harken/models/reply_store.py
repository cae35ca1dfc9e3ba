"""Replies that were paid for, kept: append-only, written as they arrive, synced in groups.

A reply is written to the file before anybody is told of it, so a process killed at any moment
loses none that had arrived; the disk is synced at most `SYNC_S` later, for the sake of power cuts.
What is failed is not kept: it is asked again. The order of lines is the order of arrival, so this
file is a store and no artefact to be compared by.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.files import hold, release

SYNC_S = 0.5
FILE = "replies.jsonl"


class ReplyStore:
    """Records by key, in a folder that one process at a time may write to.

    Attributes:
        damaged: lines that could not be read; their replies are asked for again.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open or start the store; a torn last line is cut off.

        Raises:
            ModelError: another process writes to the folder.
        """
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        hold(self.folder, ModelError)
        self.damaged = 0
        self._held: dict[str, dict[str, Any]] = {}
        self._handle = os.open(
            self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | _CLOSED_ON_EXEC, 0o644
        )
        self._read()
        self._lock = threading.Lock()
        self._syncer = _Syncer(self._handle)
        self._close = weakref.finalize(self, _shut, self._handle, self._syncer, self.folder)

    def __len__(self) -> int:
        """How many replies are kept."""
        return len(self._held)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of a key, or None."""
        return self._held.get(key)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Keep one reply: it is in the file when this returns, on the disk soon after."""
        line = json.dumps({"key": key, **record}, ensure_ascii=False, separators=(",", ":"))
        data = line.encode("utf-8", "replace") + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._handle, data) :]
            self._held[key] = record
        self._syncer.wake()

    def sync(self) -> None:
        """Return when all that was added is on the disk."""
        self._syncer.now()

    def close(self) -> None:
        """Sync, and let other processes write."""
        self._close()

    def _read(self) -> None:
        whole = 0
        with (self.folder / FILE).open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    record = json.loads(line)
                    self._held[record.pop("key")] = record
                except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
                    self.damaged += 1
        os.ftruncate(self._handle, whole)


_CLOSED_ON_EXEC = getattr(os, "O_CLOEXEC", 0)


class _Syncer:
    """Syncs a file once for all that was written within `SYNC_S`, on a thread of its own."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._dirty = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
            self._thread.start()
        self._dirty.set()

    def now(self) -> None:
        if self._dirty.is_set():
            self._dirty.clear()
            os.fsync(self._handle)

    def end(self) -> None:
        self._over.set()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join()
        os.fsync(self._handle)

    def _run(self) -> None:
        while not self._over.is_set():
            self._dirty.wait()
            self._over.wait(SYNC_S)
            self.now()


def _shut(handle: int, syncer: _Syncer, folder: Path) -> None:
    syncer.end()
    os.close(handle)
    release(folder)
