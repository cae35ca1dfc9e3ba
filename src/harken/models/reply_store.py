"""An append-only store of replies on disk: written as they arrive, synced in groups.

A reply is written to the file before `add` returns, so a killed process loses no reply that had
arrived; the file is synced at most `SYNC_S` later, in case of a power cut. Failed replies are not
stored: their requests are sent again. Lines stand in order of arrival, so two runs of one plan
may give different files. Each line has a checksum; a line that was changed since is not used.
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
from harken.hashing import SEAL, seal_fits, sealed
from harken.parsing import parse_json

SYNC_S = 0.5
FILE = "replies.jsonl"


class ReplyStore:
    """Replies by key, in a folder that one process at a time may write to.

    Attributes:
        damaged: number of lines that could not be read; their requests are sent again.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open or create the store; an incomplete last line is cut off.

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
        self._close = weakref.finalize(self, _close, self._handle, self._syncer, self.folder)

    def __len__(self) -> int:
        """How many replies are stored."""
        return len(self._held)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of a key, or None."""
        return self._held.get(key)

    def records(self) -> list[dict[str, Any]]:
        """The records of all keys."""
        return list(self._held.values())

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Store one reply: written when this returns, synced at most `SYNC_S` later."""
        whole = sealed({"key": key, **record})
        line = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
        try:
            data = line.encode() + b"\n"
        except UnicodeEncodeError:  # half a surrogate pair
            data = json.dumps(whole, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._handle, data) :]
            self._held[key] = record
        self._syncer.schedule()

    def sync(self) -> None:
        """Return when all that was added is synced to disk."""
        self._syncer.sync()

    def close(self) -> None:
        """Sync, and release the folder to other processes."""
        self._close()

    def _read(self) -> None:
        whole = 0
        with (self.folder / FILE).open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    record = parse_json(line)
                    if not seal_fits(record):
                        raise ValueError("a changed reply")
                    record.pop(SEAL, None)
                    self._held[record.pop("key")] = record
                except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
                    self.damaged += 1
        os.ftruncate(self._handle, whole)


_CLOSED_ON_EXEC = getattr(os, "O_CLOEXEC", 0)


class _Syncer:
    """Syncs a file once for all writes within `SYNC_S`, on a thread of its own."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._dirty = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def schedule(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
            self._thread.start()
        self._dirty.set()

    def sync(self) -> None:
        if self._dirty.is_set():
            self._dirty.clear()
            os.fsync(self._handle)

    def end(self) -> None:
        self._ended.set()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join()
        os.fsync(self._handle)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._dirty.wait()
            self._ended.wait(SYNC_S)
            self.sync()


def _close(handle: int, syncer: _Syncer, folder: Path) -> None:
    syncer.end()
    os.close(handle)
    release(folder)
