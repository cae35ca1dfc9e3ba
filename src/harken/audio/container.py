"""Recognises containers by their first bytes, and reads and checks them without decoding.

Decoders are lenient: a WAV whose second half is missing, or an Ogg stream without its end, decodes
without an error to fewer samples. So the containers are read here, in blocks and at constant
memory, and every kind of damage has its own reason code.

WAV and its relatives are in `chunked`, MP3 in `mp3`, formats of a further decoder in `foreign`.

Sources: FLAC (RFC 9639), Ogg (RFC 3533), Vorbis I (4.2.2), Opus (RFC 7845).
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import replace
from typing import BinaryIO

from harken.audio.chunked import READERS, chunked_format
from harken.audio.foreign import FOREIGN, foreign_format, read_foreign
from harken.audio.header import AudioNote, Header, check_header
from harken.audio.mp3 import mp3_frame, read_mp3
from harken.audio.view import Patch
from harken.errors import AudioError

FORMATS = ("wav", "flac", "vorbis", "opus", "oggflac", "mp3", "aiff", "au", "caf", "w64", *FOREIGN)
"""Formats that are recognised by their first bytes; those of `FOREIGN` need a further decoder."""

AUDIO_SUFFIXES = {
    ".wav": ("wav",),
    ".wave": ("wav",),
    ".rf64": ("wav",),
    ".flac": ("flac",),
    ".ogg": ("vorbis", "opus", "oggflac"),
    ".oga": ("vorbis", "opus", "oggflac"),
    ".opus": ("opus",),
    ".mp3": ("mp3",),
    ".aif": ("aiff",),
    ".aiff": ("aiff",),
    ".aifc": ("aiff",),
    ".au": ("au",),
    ".snd": ("au",),
    ".caf": ("caf",),
    ".w64": ("w64",),
    ".m4a": ("mp4",),
    ".mp4": ("mp4",),
    ".aac": ("aac",),
    ".webm": ("matroska",),
    ".mka": ("matroska",),
    ".wma": ("asf",),
}
"""File suffix -> formats it may hold."""

OTHER_SUFFIXES = frozenset({".amr", ".ape", ".wv", ".sph"})
"""Suffixes of audio formats that are not read."""


def sniff(head: bytes) -> str | None:
    """The format by the first bytes (64 are enough); None if it is none of `FORMATS`."""
    if chunked := chunked_format(head):
        return chunked
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS" and len(head) > 27:
        packet = head[27 + head[26] :]
        for magic, name in (
            (b"\x01vorbis", "vorbis"),
            (b"OpusHead", "opus"),
            (b"\x7fFLAC", "oggflac"),
        ):
            if packet.startswith(magic):
                return name
        return None
    if head[:3] == b"ID3" or mp3_frame(head) is not None:
        return "mp3"
    return foreign_format(head)


def read_header(file: BinaryIO, format: str, size: int) -> Header:
    """Read and check the container of an open file of `size` bytes.

    Raises:
        AudioError: ``truncated``, ``bad-header``, ``zero-rate``, ``no-samples``, ``too-long`` or
            ``corrupt``.
    """
    file.seek(0)
    if format in READERS:
        header = READERS[format](file, size)
    elif format == "flac":
        header = _flac(file, size)
    elif format == "mp3":
        header = read_mp3(file, size)
    elif format in FOREIGN:
        header = read_foreign(format)
    else:
        header = _ogg(file, format)
    check_header(header, size)
    return header


def _flac(file: BinaryIO, size: int) -> Header:
    """Read STREAMINFO, the first metadata block (RFC 9639, 8.2)."""
    head = file.read(42)
    if len(head) < 42:
        raise AudioError("truncated", f"the file ends after {size} bytes, inside its header")
    if head[4] & 0x7F != 0 or int.from_bytes(head[5:8], "big") != 34:
        raise AudioError("bad-header", "the first metadata block is not STREAMINFO")
    fields = int.from_bytes(head[18:26], "big")
    rate = fields >> 44
    channels, bits = (fields >> 41 & 7) + 1, (fields >> 36 & 31) + 1
    frames = fields & ((1 << 36) - 1)
    if rate == 0:
        raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
    if bits < 4:
        raise AudioError("bad-header", f"the header claims {bits} bits a sample")
    if size == 42 or not _flac_has_frames(head, file):
        reason = "truncated" if frames else "no-samples"
        raise AudioError(reason, f"{frames:,} samples claimed, the file ends after its header")
    header = Header("flac", rate, channels, frames or None, bits, head[26:42])
    if frames:
        return header
    found = "the header states no number of samples"
    return replace(header, notes=(AudioNote("unknown-length", found),))


def flac_without_length(file: BinaryIO) -> Patch:
    """What makes a decoder read FLAC to its end, whatever number of samples the header states."""
    file.seek(18)
    fields = int.from_bytes(file.read(8), "big")
    return 18, (fields >> 36 << 36).to_bytes(8, "big")


def _flac_has_frames(head: bytes, file: BinaryIO) -> bool:
    """Skip the metadata blocks; whether any byte follows the last one."""
    last = bool(head[4] & 0x80)
    while not last:
        block = file.read(4)
        if len(block) < 4:
            return False
        last = bool(block[0] & 0x80)
        file.seek(int.from_bytes(block[1:4], "big"), os.SEEK_CUR)
    return len(file.read(1)) == 1


def flac_end_is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the file ends with a frame whose CRC-16 is right (RFC 9639, 9.3): it is not cut off.

    Used after decoding has failed, to distinguish a file that was cut from one with damage inside.
    The CRC (polynomial 8005) of a frame with its footer is 0; every sync code in the last 64 KiB
    may begin the last frame.
    """
    file.seek(max(0, size - (1 << 16)))
    tail = file.read()
    for start in range(len(tail) - 2):
        if tail[start] == 0xFF and tail[start + 1] & 0xFE == 0xF8:
            crc = 0
            for byte in tail[start:]:
                crc ^= byte << 8
                for _ in range(8):
                    crc = (crc << 1 ^ 0x8005) & 0xFFFF if crc & 0x8000 else crc << 1
            if crc == 0:
                return True
    return False


_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


def ogg_crc(page: bytes) -> int:
    """CRC of an Ogg page whose CRC field is zero (RFC 3533, 6: polynomial 04c11db7, unreflected).

    ``zlib`` has the same polynomial reflected: with the bits of every byte reversed, and those of
    the result, the two agree, and a page takes microseconds.
    """
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def _ogg(file: BinaryIO, format: str) -> Header:
    """Read all pages: each complete, its CRC right, the last with the end-of-stream flag."""
    header = Header(format)
    ended, granule, pages = False, 0, 0
    while head := file.read(27):
        if head[:4] != b"OggS"[: len(head[:4])]:
            if ended:  # a tag or padding may follow the end of the stream
                break
            raise AudioError("corrupt", f"no Ogg page where page {pages + 1} should begin")
        table = file.read(head[26]) if len(head) == 27 else b""
        body = file.read(sum(table))
        if len(head) < 27 or len(table) < head[26] or len(body) < sum(table):
            raise AudioError("truncated", f"the file ends inside Ogg page {pages + 1}")
        if pages == 0:
            header = _ogg_identity(body, format)
        crc = int.from_bytes(head[22:26], "little")
        if ogg_crc(head[:22] + b"\0\0\0\0" + head[26:] + table + body) != crc:
            raise AudioError("corrupt", f"Ogg page {pages + 1} does not match its checksum")
        ended = bool(head[5] & 4)
        position = int.from_bytes(head[6:14], "little", signed=True)
        granule = max(granule, position)
        pages += 1
    if granule <= 0:
        reason = "no-samples" if ended else "truncated"
        raise AudioError(reason, "the file ends after its header")
    if not ended:
        raise AudioError("truncated", f"no end-of-stream flag: the stream stops after page {pages}")
    if header.format == "opus":  # granule positions count at 48 kHz whatever the input rate was
        check_header(Header("opus", 48_000, header.channels, granule), file.tell())
    elif header.rate_hz:
        check_header(Header(format, header.rate_hz, header.channels, granule), file.tell())
    return header


def _ogg_identity(packet: bytes, format: str) -> Header:
    """Rate and channels of the identification packet."""
    if format == "vorbis" and len(packet) >= 16:
        channels, rate = packet[11], struct.unpack("<I", packet[12:16])[0]
        if rate == 0:
            raise AudioError("zero-rate", "the header claims a sample rate of 0 Hz")
        if channels == 0:
            raise AudioError("bad-header", "the header claims 0 channels")
        header = Header(format, rate, channels)
        check_header(header, len(packet))
        return header
    if format == "opus" and len(packet) >= 10:
        if packet[9] == 0:
            raise AudioError("bad-header", "the header claims 0 channels")
        return Header(format, 0, packet[9])
    return Header(format)
