"""A folder of tensors by content hash: what frozen audio encoders made of clips, shared by runs.

::

    <folder>/3f/3f0c….safetensors     the tensors of one entry, and a checksum of them

An entry is written under a name of its own and renamed, so that several processes may write at
once. It is checked when a process first reads it; a damaged one is removed and made again. Reading
maps the file into memory. The time of change is the time of the last use: when the folder exceeds
its limit, the least recently used entries are removed.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from harken.cache import LruCache
from harken.errors import ConfigError
from harken.files import PART, cache_folder
from harken.hashing import digest
from harken.models.target import split_settings

VARIABLE = "HARKEN_FEATURES"
"""Environment variable with the folder, and its settings if there are any."""

LIMIT_GB = 20.0
MEMORY_BYTES = 1 << 30
"""Size of the cache in memory where no folder can be written."""
_OLD_S = 3600.0  # a temporary file of this age was left by a killed process
_SUFFIX = ".safetensors"


@dataclass(slots=True)
class StoreCounts:
    """What a store has done: entries read, written, found damaged, and removed for space."""

    read: int = 0
    written: int = 0
    damaged: int = 0
    removed: int = 0


class FeatureStore:
    """Tensors by key on disk.

    Attributes:
        folder: where they are; None: in memory only, for this process.
        limit: most bytes.
        counts: of this process.
    """

    def __init__(self, folder: Path | None, limit: int = int(LIMIT_GB * 1e9)) -> None:
        """Use `folder`, which is made when the first entry is written."""
        self.folder = folder
        self.limit = limit
        self.counts = StoreCounts()
        self._held: LruCache[dict[str, Tensor]] = LruCache(MEMORY_BYTES)
        self._checked: set[str] = set()
        self._bytes = -1
        self._lock = threading.Lock()

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors of an entry, mapped from its file: read-only. None if there is none."""
        if self.folder is None:
            return self._held.get(key)
        path = self._path(key)
        try:
            found = _read(path, check=key not in self._checked)
        except FileNotFoundError:
            return None
        except _DamagedError:
            self.counts.damaged += 1
            path.unlink(missing_ok=True)
            return None
        if key not in self._checked:
            self._checked.add(key)
            self.counts.read += 1
            with suppress(OSError):
                os.utime(path)
        return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Write an entry. A folder that cannot be written is told once, and left out then."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        size = sum(tensor.nbytes for tensor in plain.values())
        if self.folder is not None:
            try:
                self._write(self._path(key), plain)
                self.counts.written += 1
                self._checked.add(key)
                self._make_room(size)
                return
            except OSError as error:
                warnings.warn(
                    f"features cannot be kept in {self.folder} ({error.strerror or error}): they "
                    "are kept in memory, and computed again by the next run",
                    stacklevel=2,
                )
                self.folder = None
        self._held.put(key, plain, size)

    def size(self) -> tuple[int, int]:
        """Number of entries in the folder, and their bytes."""
        entries = self._entries()
        return len(entries), sum(size for _, size, _ in entries)

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def _write(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        from safetensors.torch import save

        data = save(dict(tensors), {"checksum": _checksum(tensors)})
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")
        try:
            # Not synced: what a power cut leaves half written is found by its checksum.
            part.write_bytes(data)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, added: int) -> None:
        """Remove the least recently used entries once the folder is larger than its limit."""
        with self._lock:
            if self._bytes < 0 or self._bytes + added > self.limit:
                self._bytes = self._trim()
            else:
                self._bytes += added

    def _trim(self) -> int:
        """Remove entries until a tenth of the limit is free; the bytes that are left."""
        entries = sorted(self._entries(), key=lambda entry: (entry[2], entry[0]))
        total = sum(size for _, size, _ in entries)
        if total <= self.limit:
            return total
        for path, size, _ in entries[:-1]:  # the newest is what was just written
            if total <= 0.9 * self.limit:
                break
            with suppress(OSError):
                os.unlink(path)
                total -= size
                self._checked.discard(Path(path).name.removesuffix(_SUFFIX))
                self.counts.removed += 1
        return total

    def _entries(self) -> list[tuple[str, int, float]]:
        """Path, bytes and time of the last use of each entry; old temporary files are removed."""
        found = []
        if self.folder is None:
            return []
        for inner in _scanned(self.folder):
            for entry in _scanned(Path(inner.path)) if inner.is_dir() else ():
                with suppress(OSError):  # another process has removed it
                    state = entry.stat()
                    if entry.name.endswith(_SUFFIX):
                        found.append((entry.path, state.st_size, state.st_mtime))
                    elif entry.name.endswith(PART) and time.time() - state.st_mtime > _OLD_S:
                        os.unlink(entry.path)
        return found


def open_store(spec: str = "") -> FeatureStore:
    """The store that `spec` names, ``FOLDER?limit_gb=50``; else `VARIABLE`'s or the user's.

    Raises:
        ConfigError: an unknown setting, or a limit that is not above 0.
    """
    spec = spec or os.environ.get(VARIABLE, "")
    name, settings = split_settings("features", spec, {"limit_gb": float}) if spec else ("", {})
    limit_gb = float(settings.get("limit_gb", LIMIT_GB))
    if not 0 < limit_gb < float("inf"):
        raise ConfigError(f"limit_gb is {limit_gb} (accepted: above 0)", where="features")
    folder = Path(name) if name else cache_folder() / "features"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            "the folder of features is a file", where=str(folder), hint="Name another folder."
        )
    return FeatureStore(folder, int(limit_gb * 1e9))


_current: FeatureStore | None = None


def use_store(spec: str) -> FeatureStore:
    """Make the store of `spec` the one that trainings of this process use; see `open_store`."""
    global _current
    _current = open_store(spec)
    return _current


@contextmanager
def other_store(folder: Path) -> Iterator[FeatureStore]:
    """Keep features in `folder` within the block, and nowhere else."""
    global _current
    before, _current = _current, FeatureStore(folder)
    try:
        yield _current
    finally:
        _current = before


def current_store() -> FeatureStore:
    """The store of this process: that of `use_store`, else that of the environment."""
    return _current or use_store("")


class _DamagedError(Exception):
    """An entry is not what was written."""


def _read(path: Path, *, check: bool) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            stated = (file.metadata() or {}).get("checksum")
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise _DamagedError from error
    except RuntimeError as error:  # torch maps the file by its name, after it was opened
        if not path.exists():
            raise FileNotFoundError(str(path)) from error  # another process has removed it
        raise
    if check and stated != _checksum(tensors):
        raise _DamagedError
    return tensors


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names, dtypes, shapes and bytes."""
    parts = []
    for name, tensor in sorted(tensors.items()):
        data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy() if tensor.numel() else b""
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)} {digest(bytes(data), 32)}")
    return digest("\n".join(parts), 32)


def _scanned(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
