"""Probing one file: format, length, rate and hash; or the reason why it cannot be used.

`probe` reads the container, decodes the whole file once in blocks and hashes the bytes, at constant
memory. It never waits on a pipe, and every kind of damage has its own reason code.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from harken.audio.codec import blocks, check_values, damage, open_regular, open_sound
from harken.audio.container import AUDIO_SUFFIXES, read_header, sniff
from harken.audio.foreign import FOREIGN
from harken.audio.header import MAX_DURATION_S, AudioNote, Header, check_count, check_header
from harken.audio.heard import HeardSamples
from harken.errors import AudioError

MAX_BYTES = 4 << 30

REASONS: dict[str, str] = {
    "missing": "the file is not there",
    "broken-link": "a link that leads nowhere",
    "escapes-root": "the path leads outside the corpus",
    "not-a-file": "a folder, pipe, socket or device",
    "unreadable": "the file or folder cannot be opened",
    "bad-name": "the name is not valid UTF-8 or holds a NUL byte",
    "empty": "the file has no bytes",
    "not-audio": "the bytes are no audio format that is read",
    "unsupported": "audio in a format that is not read, or not without a further decoder",
    "bad-header": "the header contradicts itself or claims the absurd",
    "zero-rate": "the header claims a sample rate of 0 Hz",
    "no-samples": "a whole header with no samples behind it",
    "truncated": "the file ends before its samples do",
    "short-header": "more samples follow than the header states",
    "corrupt": "bytes inside the file do not fit their checksum or cannot be decoded",
    "non-finite": "samples are NaN or infinite",
    "out-of-range": "samples lie far beyond full scale",
    "too-long": "the recording is longer, or the file larger, than the limit",
    "too-short": "the recording, or an event of it, is shorter than 10 ms",
    "silent": "nothing can be heard",
    "out-of-span": "the span asked for goes past the end of the source",
    "hash-mismatch": "the bytes are not those that were expected",
    "bad-plan": "the scene cannot be rendered as it is written",
    "unlisted": "audio that the manifest does not name",
    "bad-row": "a line of a manifest that cannot be read",
    "contradiction": "the same sound stands elsewhere with other words or another speaker",
    "hidden": "audio in a hidden file or folder",
    "unknown-suffix": "audio under a name that does not say so",
}
"""Reason code for a file that cannot be used -> explanation."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Properties of a usable file; `notes` say what is odd about it (`harken.audio.header.NOTES`).

    The format is that of the bytes, whatever the name says.
    """

    duration_s: float
    rate_hz: int
    channels: int
    format: str
    sha256: str
    notes: tuple[AudioNote, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodeLimit:
    """When probing stops before the end of a file.

    Attributes:
        duration_s: longest sound, in seconds.
        samples: most samples, all channels together.
        until: `time.monotonic` at which it stops.
        foreign: whether formats of a further decoder (`harken.audio.foreign`) are read.
    """

    duration_s: float = MAX_DURATION_S
    samples: float = math.inf
    until: float = math.inf
    foreign: bool = True

    def check(self, frames: int, rate: int, channels: int) -> None:
        """Raise AudioError ``too-long`` where a sound of this size is too much."""
        if rate and frames / rate > self.duration_s:
            found = f"the clip lasts {frames / rate:.1f} s or more; {self.duration_s:g} s may be"
            raise AudioError("too-long", found)
        if frames * channels > self.samples:
            found = f"{frames * channels:,.0f} samples or more; {self.samples:,.0f} may be decoded"
            raise AudioError("too-long", found)
        if time.monotonic() > self.until:
            raise AudioError("too-long", "decoding takes longer than it may")


def probe(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    limit: DecodeLimit | None = None,
    heard: HeardSamples | None = None,
) -> Probe:
    """Check the whole of one file.

    Args:
        path: the file.
        root: if given, the file must lie in this folder after all links are followed.
        limit: decode no further than this.
        heard: if given, hears the samples.

    Raises:
        AudioError: with one of `REASONS`.
    """
    limit = limit or DecodeLimit()
    try:
        with open_regular(path, root) as file:
            size = os.fstat(file.fileno()).st_size
            format = identify(file.read(512))
            if size > MAX_BYTES:
                raise AudioError("too-long", f"the file has {size:,} bytes")
            if format in FOREIGN and not limit.foreign:
                raise AudioError("unsupported", f"{format} is not read here; send WAV or FLAC")
            header = read_header(file, format, size)
            notes = (*_name_notes(os.fspath(path), format), *header.notes)
            if header.frames is not None:
                limit.check(header.frames, header.rate_hz, header.channels)
            try:
                frames, rate, channels = _decode_all(file, header, size, limit, heard)
            except AudioError as error:
                raise damage(file, error) from None
            file.seek(0)
            return Probe(frames / rate, rate, channels, format, _sha256(file), notes)
    except AudioError as error:
        error.where = error.where or os.fspath(path)
        raise
    except OSError as error:  # a failing disk or network file system
        found = f"reading stops: {error.strerror}"
        raise AudioError("unreadable", found, where=os.fspath(path)) from None


def identify(head: bytes) -> str:
    """The format by the first bytes; raises AudioError ``not-audio`` if it is none."""
    format = sniff(head)
    if format is None:
        raise AudioError("not-audio", f"the file begins with {head[:12]!r}")
    return format


def _name_notes(name: str, format: str) -> tuple[AudioNote, ...]:
    """A note where the suffix says another format than the bytes are."""
    suffix = Path(name).suffix.lower()
    if format in AUDIO_SUFFIXES.get(suffix, (format,)):
        return ()
    found = f"the bytes are {format}, the name says {suffix}"
    return (AudioNote("wrong-extension", found),)


def _decode_all(
    file: BinaryIO,
    header: Header,
    size: int,
    limit: DecodeLimit,
    heard: HeardSamples | None = None,
) -> tuple[int, int, int]:
    """Decode every block; (frames, rate_hz, channels)."""
    dtype = "float32"
    if header.format == "flac":
        dtype = "int16" if header.bits == 16 else "int32"
    md5 = hashlib.md5(usedforsecurity=False)
    frames = 0
    # FLAC is read to its end, whatever length its header states.
    whole = replace(header, frames=None) if header.format == "flac" else header
    with open_sound(file, whole, limit.duration_s) as sound:
        rate, channels = int(sound.samplerate), int(sound.channels)
        if rate == 0:
            raise AudioError("zero-rate", "the decoder finds a sample rate of 0 Hz")
        check_header(Header(header.format, rate, channels), size)
        for block in blocks(sound, dtype):
            frames += len(block)
            check_header(Header(header.format, rate, channels, frames), size)
            limit.check(frames, rate, channels)
            if dtype == "float32":
                check_values(block)
            elif header.bits == 16:
                md5.update(block.astype("<i2", copy=False).tobytes())
            elif header.bits == 24:
                wide = np.ascontiguousarray(block.astype("<i4", copy=False) >> 8)
                md5.update(wide.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
            if heard is not None:
                heard.take(_scaled(block), rate)
    check_count(header, frames)
    # RFC 9639, 8.2: all zero means that the encoder did not know the hash.
    if header.bits in (16, 24) and any(header.md5) and md5.digest() != header.md5:
        raise AudioError("corrupt", "the decoded samples do not fit the MD5 in the header")
    return frames, rate, channels


def _scaled(block: NDArray[Any]) -> NDArray[Any]:
    """Samples of any type as float32 with full scale 1."""
    if block.dtype == np.float32:
        return block
    full = 32768.0 if block.dtype == np.int16 else 2147483648.0
    return (block / full).astype(np.float32)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a regular file's bytes, as hex; raises AudioError if it cannot be read."""
    with open_regular(path) as file:
        return _sha256(file)


def _sha256(file: BinaryIO) -> str:
    """SHA-256 from the current position to the end."""
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    return found.hexdigest()
