"""WAV, RF64, W64, AIFF, AU and CAF: uncompressed sound in chunks, whose lengths may be untrue.

A length is unknown where the file was written to a pipe (all bits set, or zero): then the sound
goes to the end of the file, and the decoder is shown that length. A length that is too large is a
file cut short; one that is too small, so that sound follows which no chunk holds, is refused too:
both would be read short in silence.

Sources: RIFF/WAVE (Microsoft 1991; RF64: EBU Tech 3306), Sony Wave64, AIFF 1.3 and AIFF-C (Apple),
Sun/NeXT AU, Core Audio Format (Apple).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from harken.audio.header import AudioNote, Header, check_header
from harken.audio.view import Patch
from harken.errors import AudioError

_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")
_KNOWN = frozenset(
    {b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"cue ", b"smpl", b"fact", b"JUNK"}
    | {b"PEAK", b"junk", b"PAD ", b"inst", b"plst", b"afsp", b"NAME", b"ANNO", b"(c) ", b"free"}
)
MOST_CHUNKS = 10_000
"""Chunks of a file; a recording has a few, some programs write a hundred."""

_AIFF_PLAIN = (b"NONE", b"sowt", b"twos", b"fl32", b"FL32", b"fl64", b"FL64", b"in24", b"in32")


@dataclass(frozen=True, slots=True)
class _Shape:
    """How chunks are written: bytes of name and length, byte order, padding to `step`.

    `own`: bytes of its head that a chunk's length counts.
    """

    name: int
    length: int
    order: str
    step: int = 2
    own: int = 0

    @property
    def head(self) -> int:
        return self.name + self.length

    def number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self.order == "<" else "big")

    def written(self, value: int) -> bytes:
        top = (1 << 8 * self.length) - 2
        return min(value, top).to_bytes(self.length, "little" if self.order == "<" else "big")


_RIFF = _Shape(4, 4, "<")
_RIFX = _Shape(4, 4, ">")
_W64 = _Shape(16, 8, "<", 8, 24)
_CAF = _Shape(4, 8, ">", 1)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk: its name, where its body begins, and the length that its head states."""

    name: bytes
    at: int
    length: int


def _chunks(file: BinaryIO, at: int, shape: _Shape) -> Iterator[_Chunk]:
    """The chunks from `at`, as long as whole heads follow each other."""
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(shape.head)
        if len(head) < shape.head:
            return
        length = max(0, shape.number(head[shape.name :]) - shape.own)
        yield _Chunk(head[: shape.name], at + shape.head, length)
        at += shape.head + length
        at += -at % shape.step
        if at >= 1 << 62:  # beyond any file, and beyond what can be sought
            return
    raise AudioError("bad-header", f"the file has over {MOST_CHUNKS:,} chunks")


def _unknown(length: int, there: int, bits: int) -> bool:
    """Whether a stated length stands for "unknown": near the largest number, or 2 GB of sox."""
    if length <= there:
        return False
    near = [(1 << bits) - 1, (1 << bits - 1) - 1, 0x7FFFF000]
    return any(top - 256 <= length <= top + 1 for top in near)


def _outside(file: BinaryIO, at: int, size: int, shape: _Shape) -> int:
    """Bytes from `at` to the end that no chunk, tag or padding explains."""
    for chunk in _chunks(file, at, shape):
        printable = all(32 <= byte < 127 for byte in chunk.name[:4])
        if chunk.name[:4] in _KNOWN:
            at = min(size, chunk.at + chunk.length)
        elif printable and chunk.at + chunk.length <= size + shape.step:
            at = chunk.at + chunk.length
        else:
            break
        at += -at % shape.step
    file.seek(min(at, size))
    rest = file.read(1 << 20)
    if rest.startswith(_TAGS):
        return 0
    while rest and not rest.strip(b"\0"):  # padding, however long
        rest = file.read(1 << 20)
    return max(0, size - at) if rest else 0


@dataclass(frozen=True, slots=True)
class _Sound:
    """Where the samples are: the body's place, the stated length, bytes before the first sample.

    `known` is False where `length` cannot be a length, whatever follows.
    """

    at: int
    length: int
    before: int = 0
    bits: int = 32
    known: bool = True


def _true_length(
    file: BinaryIO, size: int, sound: _Sound, second: int, shape: _Shape | None
) -> int | None:
    """The bytes of samples as stated; None where the header does not know them.

    `second` is how many bytes a second of sound has; 0 where that is not known.

    Raises:
        AudioError: ``truncated``, ``bad-header`` or ``short-header``.
    """
    there = max(0, size - sound.at)
    if not sound.known or _unknown(sound.length, there, sound.bits):
        return None
    if sound.length > there:
        if sound.length > (1 << 30) and sound.length > 4 * there:
            found = f"the header claims {sound.length:,} bytes of samples, the file has {there:,}"
            raise AudioError("bad-header", found)
        raise AudioError("truncated", f"{there:,} of {sound.length:,} bytes of samples are there")
    after = sound.at + sound.length
    if shape is None:
        outside = size - after
    else:  # some writers leave out the padding byte
        padded = after + -after % shape.step
        outside = min(_outside(file, at, size, shape) for at in {after, padded})
    if sound.length <= sound.before and outside > 0:
        return None
    if outside > max(second // 100, 1):
        found = f"{sound.length:,} bytes of samples are stated, and {outside:,} follow in no chunk"
        raise AudioError(
            "short-header", found, hint="Write the file anew with the program that made it."
        )
    return sound.length - sound.before


def _header(header: Header, size: int, block: int, samples: int, patches: list[Patch]) -> Header:
    """`header` of a file of unknown length: `samples` bytes of samples are there."""
    found = f"the header states no length; {samples:,} bytes of samples are there"
    frames = samples // block if block and header.frames is None else None
    made = Header(
        header.format,
        header.rate_hz,
        header.channels,
        frames,
        header.bits,
        patches=tuple(patches),
        notes=(AudioNote("unknown-length", found),),
    )
    if samples < max(block, 1):
        raise AudioError("no-samples", "the header is whole but no samples follow")
    check_header(made, size)
    return made


def read_wav(file: BinaryIO, size: int) -> Header:
    """Read the chunks of RIFF, RIFX or RF64 up to ``data``; raises AudioError."""
    file.seek(0)
    head = file.read(12)
    shape = _RIFX if head[:4] == b"RIFX" else _RIFF
    fmt, wide, wide_at = b"", None, 0
    for chunk in _chunks(file, 12, shape):
        if chunk.name == b"data":
            break
        file.seek(chunk.at)
        body = file.read(min(chunk.length, 64))
        if chunk.name == b"fmt " and len(body) >= 16:
            fmt = body
        if chunk.name == b"ds64" and len(body) >= 16:
            wide, wide_at = struct.unpack("<Q", body[8:16])[0], chunk.at
    else:
        if shape.number(head[4:8]) + 8 > size or size < 44:
            raise AudioError("truncated", f"the file ends after {size} bytes, before its samples")
        raise AudioError("no-samples", "there is no data chunk")
    header, block = _wave_format("wav", fmt, shape.order)
    check_header(header, size)
    sound = _Sound(chunk.at, chunk.length)
    if head[:4] == b"RF64" and chunk.length == 0xFFFFFFFF and wide is not None:
        sound = _Sound(chunk.at, wide, bits=64)
    length = _true_length(file, size, sound, header.rate_hz * block, shape)
    if length is None:
        there = size - chunk.at
        patches = [(4, shape.written(size - 8)), (chunk.at - 4, shape.written(there))]
        if wide_at:
            patches[:] = [(wide_at, struct.pack("<QQQ", size - 8, there, there // block))]
        return _header(header, size, block if _plain(header, block) else 0, there, patches)
    frames = length // block if _plain(header, block) or length < block else None
    return Header("wav", header.rate_hz, header.channels, frames, header.bits)


def _plain(header: Header, block: int) -> bool:
    """Compressed codecs pack several samples in a block: only the decoder knows their number."""
    return header.bits > 0 and block == header.channels * ((header.bits + 7) // 8)


def _wave_format(format: str, fmt: bytes, order: str) -> tuple[Header, int]:
    """Rate, channels and bits of a ``fmt`` chunk, and the bytes of a block."""
    if not fmt:
        raise AudioError("bad-header", "there is no fmt chunk before the samples")
    _, channels, rate, _, block, bits = struct.unpack(order + "HHIIHH", fmt[:16])
    if rate == 0:
        raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
    if channels == 0:
        raise AudioError("bad-header", "the header claims 0 channels")
    if block == 0:
        raise AudioError("bad-header", "the header claims blocks of 0 bytes")
    return Header(format, rate, channels, None, bits), block


def read_w64(file: BinaryIO, size: int) -> Header:
    """Read the chunks of Sony Wave64 up to ``data``; raises AudioError."""
    fmt = b""
    for chunk in _chunks(file, 40, _W64):
        file.seek(chunk.at)
        if chunk.name[4:] == _W64_TAIL and chunk.name[:4] == b"data":
            break
        if chunk.name[:4] == b"fmt ":
            fmt = file.read(min(chunk.length, 64))
    else:
        raise AudioError("truncated", f"the file ends after {size} bytes, before its samples")
    header, block = _wave_format("w64", fmt if len(fmt) >= 16 else b"", "<")
    check_header(header, size)
    sound = _Sound(chunk.at, chunk.length, bits=64)
    length = _true_length(file, size, sound, header.rate_hz * block, _W64)
    if length is None:
        there = size - chunk.at
        patches = [(16, struct.pack("<Q", size)), (chunk.at - 8, struct.pack("<Q", there + 24))]
        return _header(header, size, block if _plain(header, block) else 0, there, patches)
    frames = length // block if _plain(header, block) else None
    return Header("w64", header.rate_hz, header.channels, frames, header.bits)


def read_aiff(file: BinaryIO, size: int) -> Header:
    """Read ``COMM`` and ``SSND`` of AIFF and AIFF-C; raises AudioError."""
    comm, comm_at, sound = b"", 0, None
    for chunk in _chunks(file, 12, _RIFX):
        file.seek(chunk.at)
        if chunk.name == b"COMM":
            comm, comm_at = file.read(min(chunk.length, 64)), chunk.at
        if chunk.name == b"SSND":
            sound = _Sound(chunk.at, chunk.length, before=8)
            break  # the rest may be sound that no chunk holds
    if sound is None or len(comm) < 18:
        raise AudioError("truncated", f"the file ends after {size} bytes, before its samples")
    channels, frames, bits = struct.unpack(">HIH", comm[:8])
    exponent, mantissa = struct.unpack(">HQ", comm[8:18])
    rate = round(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16446)) if mantissa else 0
    if rate == 0:
        raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
    if channels == 0:
        raise AudioError("bad-header", "the header claims 0 channels")
    plain = len(comm) < 22 or comm[18:22] in _AIFF_PLAIN
    block = channels * ((bits + 7) // 8) if plain else 0
    header = Header("aiff", rate, channels, None, bits)
    check_header(header, size)
    length = _true_length(file, size, sound, rate * block, _RIFX)
    if length is None:
        there = size - sound.at
        patches: list[Patch] = [(4, struct.pack(">I", min(size - 8, 0xFFFFFFFE)))]
        patches.append((sound.at - 4, struct.pack(">I", min(there, 0xFFFFFFFE))))
        if block:
            patches.append((comm_at + 2, struct.pack(">I", (there - 8) // block)))
        return _header(header, size, block, there - 8, patches)
    if block and length - frames * block > max(rate * block // 100, 1):
        found = f"{frames:,} samples are stated, and there are {length // block:,}"
        raise AudioError("short-header", found)
    return Header("aiff", rate, channels, frames if block else None, bits)


_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
"""Encoding of AU -> bytes a sample."""


def read_au(file: BinaryIO, size: int) -> Header:
    """Read the header of Sun/NeXT AU; raises AudioError."""
    file.seek(0)
    head = file.read(24)
    if len(head) < 24:
        raise AudioError("truncated", f"the file ends after {size} bytes, inside its header")
    order = ">" if head[:4] == b".snd" else "<"
    at, length, encoding, rate, channels = struct.unpack(order + "5I", head[4:24])
    if rate == 0:
        raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
    if channels == 0:
        raise AudioError("bad-header", "the header claims 0 channels")
    block = _AU_BYTES.get(encoding, 0) * channels
    header = Header("au", rate, channels, None, 8 * _AU_BYTES.get(encoding, 0))
    check_header(header, size)
    found = _true_length(file, size, _Sound(at, length), rate * block, None)
    if found is None:
        there = max(0, size - at)
        stated = struct.pack(order + "I", min(there, 0xFFFFFFFE))
        return _header(header, size, block, there, [(8, stated)])
    return Header("au", rate, channels, found // block if block else None, header.bits)


def read_caf(file: BinaryIO, size: int) -> Header:
    """Read ``desc`` and ``data`` of Apple's Core Audio Format; raises AudioError."""
    description, sound = b"", None
    for chunk in _chunks(file, 8, _CAF):
        file.seek(chunk.at)
        if chunk.name == b"desc":
            description = file.read(32)
        if chunk.name == b"data":
            known = chunk.length < 1 << 63  # -1: to the end of the file
            sound = _Sound(chunk.at, chunk.length, before=4, bits=64, known=known)
            break
    if sound is None or len(description) < 32:
        raise AudioError("truncated", f"the file ends after {size} bytes, before its samples")
    rate = struct.unpack(">d", description[:8])[0]
    block, _, channels, bits = struct.unpack(">4I", description[16:32])
    if not rate > 0:
        raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
    if channels == 0:
        raise AudioError("bad-header", "the header claims 0 channels")
    block = block if description[8:12] == b"lpcm" else 0
    header = Header("caf", int(min(rate, 1 << 31)), channels, None, bits)
    check_header(header, size)
    length = _true_length(file, size, sound, header.rate_hz * block, _CAF)
    if length is None:
        there = size - sound.at
        return _header(header, size, block, there - 4, [(sound.at - 8, struct.pack(">Q", there))])
    frames = length // block if block else None
    return Header("caf", header.rate_hz, channels, frames, bits)


def chunked_format(head: bytes) -> str | None:
    """``wav``, ``w64``, ``aiff``, ``au`` or ``caf`` by the first bytes; None if it is none."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"riff" and head[4:16] == bytes.fromhex("2e91cf11a5d628db04c10000"):
        return "w64"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] in (b".snd", b"dns."):
        return "au"
    if head[:4] == b"caff" and head[4:6] == b"\0\1":
        return "caf"
    return None


READERS = {
    "wav": read_wav,
    "w64": read_w64,
    "aiff": read_aiff,
    "au": read_au,
    "caf": read_caf,
}
"""Format -> the function that reads its header."""
