"""Atomic file writes and one writer per folder: every artefact on disk is written with these.

A file is written under a hidden temporary name, synced and renamed, so a file under its final
name is always complete. A kill leaves at most a temporary file, which `sweep` removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from harken.errors import HarkenError

PART = ".part"


def part_of(path: Path) -> Path:
    """The hidden temporary name under which this process is writing `path`.

    Each process has a name of its own: where a unit of work is made twice at a time (a worker that
    was given up is still at it), each writes a whole file, and both have the same bytes.
    """
    return path.with_name(f".{path.name}.{_token(os.getpid())}{PART}")


@cache
def _token(pid: int) -> str:
    """What tells this process from all others, on this computer and on others; in no artefact."""
    return f"{pid:x}-{uuid.uuid4().hex[:8]}"


def settle(path: Path) -> None:
    """Sync the finished temporary file of `path` and rename it to `path`."""
    part = part_of(path)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    with suppress(OSError):  # some file systems do not sync folders; the file is renamed already
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def real_path(path: Path) -> Path:
    """The absolute path without links, also of one that is missing or a loop of links.

    `Path.resolve` raises RuntimeError on a loop before Python 3.13; here opening it tells of it.
    """
    return Path(os.path.realpath(path))


def write_whole(path: Path, data: str | bytes) -> None:
    """Write `data` so that `path` is either as before or complete."""
    part_of(path).write_bytes(data.encode() if isinstance(data, str) else data)
    settle(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON in the order given; the same value gives the same bytes."""
    write_whole(path, json_text(value))


def json_text(value: Any) -> str:
    """`value` as indented JSON; half a surrogate pair, which is no valid text, as an escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    return text + "\n"


def cache_folder() -> Path:
    """The user's folder for what can be made again: ``~/.cache/harken`` on Linux."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = str(Path.home() / "Library" / "Caches")
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "harken"


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed writer left."""
    for part in folder.glob(f".*{PART}"):
        part.unlink(missing_ok=True)


_held: dict[str, tuple[int, int]] = {}
"""Folders locked by this process: path -> (file descriptor, holders)."""


def hold(folder: Path, error: type[HarkenError]) -> None:
    """Lock `folder` for writing; raises `error` when another process holds it.

    The folder itself is locked, so no lock file is left in an artefact, and a killed process
    releases its lock. The lock belongs to the process: it may be taken again, and is free after
    as many calls of `release`. Where the system cannot lock a folder, nothing is locked.
    """
    name = os.path.realpath(folder)
    if name in _held:
        handle, holders = _held[name]
        _held[name] = (handle, holders + 1)
        return
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    handle = os.open(name, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise error(
            "another process is writing to this folder",
            where=str(folder),
            hint="Wait until it ends, or write to another folder.",
        ) from None
    except OSError:  # a network file system that does not lock folders
        os.close(handle)
        return
    _held[name] = (handle, 1)


def release(folder: Path) -> None:
    """Undo one `hold`."""
    name = os.path.realpath(folder)
    if name not in _held:
        return
    handle, holders = _held.pop(name)
    if holders > 1:
        _held[name] = (handle, holders - 1)
    else:
        os.close(handle)


@contextmanager
def held(folder: Path, error: type[HarkenError]) -> Iterator[None]:
    """`hold` and `release` around a block."""
    hold(folder, error)
    try:
        yield
    finally:
        release(folder)


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    """SHA-256 (hex) of the file that `write_whole` makes of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a folder, by name relative to it, in the order of the names."""
    return {name: sha256_of(folder / name) for name in sorted(names)}


def damaged(folder: Path, sums: Mapping[str, str]) -> dict[str, str]:
    """The files that are not what `sums` says, each with the reason."""
    found = {}
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            found[name] = "missing"
        elif sha256_of(path) != expected:
            found[name] = "the content is not what was written"
    return found


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Where two JSON-able values differ, as ``a.b: 1 -> 2`` lines in key order."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        found = [
            differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{name}.{key}".lstrip("."))
            for key in keys
        ]
        return [line for lines in found for line in lines]
    return [] if old == new else [f"{name or 'value'}: {_brief(old)} -> {_brief(new)}"]


_ABSENT = object()


def _brief(value: Any) -> str:
    text = "(absent)" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
