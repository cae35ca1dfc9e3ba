"""Decoded samples of a file or a shard row, cached.

The same clip is loaded for several items, conditions and epochs. Cache keys include the file's
inode, size and times, so a file that was rewritten is read again.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Hashable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from harken.audio.codec import Samples, TooLarge, decode, open_regular, resample
from harken.audio.container import read_header
from harken.audio.header import Header
from harken.audio.packed import clear_pages, packed_bytes
from harken.audio.probe import identify
from harken.cache import LruCache
from harken.errors import AudioError

WHOLE_DECODED = 32 << 20
WHOLE_ENCODED = 1 << 20
"""Sources below these sizes (bytes) are decoded whole; of longer ones, only the span is."""

_decoded: LruCache[tuple[Samples, int]] = LruCache(64 << 20)
_verified: LruCache[bool] = LruCache(1 << 20)
_large: LruCache[bool] = LruCache(1 << 20)


@dataclass(frozen=True, slots=True)
class EncodedSource:
    """Where the encoded bytes are (`row` < 0: the file itself), the span, the expected hash."""

    path: str
    row: int
    slot: int
    start_s: float
    length_s: float | None
    sha256: str | None

    def state(self) -> tuple[Hashable, ...]:
        """Identity of the bytes now; for a missing file only its name."""
        try:
            found = os.stat(self.path)
        except (OSError, ValueError):
            return (self.path,)
        times = found.st_mtime_ns, found.st_ctime_ns
        return self.path, self.row, self.slot, self.sha256, found.st_ino, found.st_size, *times


def clear_sources() -> None:
    """Clear the caches of decoded sources and shard pages."""
    _decoded.clear()
    clear_pages()
    _verified.clear()
    _large.clear()


def read_source(source: EncodedSource, rate_hz: int = 0, mono: bool = False) -> tuple[Samples, int]:
    """(channels, n) of the span, averaged over channels if `mono`, and its rate.

    The rate is `rate_hz`, or that of the source for 0. The array may be shared and must not be
    changed.

    Raises:
        AudioError: with one of `harken.audio.probe.REASONS`.
    """
    state = source.state()
    held = _decoded.get(state)
    try:
        if held is not None:
            return shaped(*cut(*held, source.start_s, source.length_s), rate_hz, mono)
        if source.row >= 0:
            data = shard_bytes(source)
            return _read(source, io.BytesIO(data), len(data), state, rate_hz, mono)
        with open_regular(source.path) as file:
            size = os.fstat(file.fileno()).st_size
            return _read(source, file, size, state, rate_hz, mono)
    except AudioError as error:
        error.where = error.where or source.path
        raise


def shaped(samples: Samples, rate: int, rate_hz: int, mono: bool) -> tuple[Samples, int]:
    """(channels, n) at `rate` -> (channels or 1, n) at `rate_hz`, and that rate; 0: as it is."""
    if mono and samples.shape[0] > 1:
        samples = samples.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    return resample(samples, rate, rate_hz or rate), rate_hz or rate


def _read(
    source: EncodedSource,
    file: BinaryIO,
    size: int,
    state: tuple[Hashable, ...],
    rate_hz: int,
    mono: bool,
) -> tuple[Samples, int]:
    """Check and decode an open source."""
    if source.sha256 is not None and not _verified.get(state):
        found = hashlib.sha256()
        while block := file.read(1 << 20):
            found.update(block)
        if found.hexdigest() != source.sha256:
            raise AudioError(
                "hash-mismatch",
                f"expected SHA-256 {source.sha256[:12]}…, found {found.hexdigest()[:12]}…",
                hint="The audio has changed since the dataset was made.",
            )
        _verified.put(state, True, 200)
        file.seek(0)
    header = read_header(file, identify(file.read(512)), size)
    if _short(header, size) and not _large.get(state):
        try:
            samples, rate = decode(file, header, most=WHOLE_DECODED)
        except TooLarge:  # a short file that decodes to much: its spans are read one by one
            _large.put(state, True, 200)
        else:
            samples.setflags(write=False)
            _decoded.put(state, (samples, rate), samples.nbytes)
            return shaped(*cut(samples, rate, source.start_s, source.length_s), rate_hz, mono)
    span = source.start_s, source.length_s
    return decode(file, header, *span, mono=mono, rate_hz=rate_hz)


def _short(header: Header, size: int) -> bool:
    """Whether a source is small enough to be decoded whole."""
    if header.frames is None:
        return size <= WHOLE_ENCODED
    return 4 * header.frames * max(header.channels, 1) <= WHOLE_DECODED


def cut(samples: Samples, rate: int, start_s: float, length_s: float | None) -> tuple[Samples, int]:
    """The span of (channels, n); raises AudioError ``out-of-span`` when over 10 ms are lacking."""
    total = samples.shape[1]
    first = round(start_s * rate)
    count = total - first if length_s is None else round(length_s * rate)
    missing = first + count - total
    if first < 0 or count < 0 or missing > rate // 100:
        found = f"the span {start_s:g} s + {count / rate:g} s lies outside {total / rate:g} s"
        raise AudioError("out-of-span", found)
    span = samples[:, first : first + count]
    if missing > 0:  # the span was rounded; no samples are missing
        span = np.pad(span, ((0, 0), (0, count - span.shape[1])))
    return span, rate


def shard_bytes(source: EncodedSource) -> bytes:
    """The encoded bytes that a source with a row refers to; see `harken.audio.packed`."""
    return packed_bytes(source.path, source.row, source.slot)
