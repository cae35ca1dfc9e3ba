"""What a container claims about its sound, and the limits of what is believed."""

from __future__ import annotations

from dataclasses import dataclass

from harken.audio.view import Patch
from harken.errors import AudioError

MAX_CHANNELS = 64
MAX_RATE_HZ = 768_000
MIN_RATE_HZ = 1_000
MAX_DURATION_S = 6 * 3600.0
BOMB_RATIO = 20_000
"""Largest ratio of claimed PCM bytes to file bytes; digital silence in FLAC has about 18,000."""

NOTES: dict[str, str] = {
    "wrong-extension": "the name says another format than the bytes are; the bytes are read",
    "unknown-length": "the header does not say how long the sound is (a pipe or a stream); "
    "it is read to the end of the file, so that a missing end cannot be noticed",
    "joined": "more MPEG frames follow than the first says; all are read",
}
"""Code of a note -> explanation: what is odd about a file that is read nevertheless."""


@dataclass(frozen=True, slots=True)
class AudioNote:
    """What is odd about a file that is read: `reason` is one of `NOTES`, `found` is for people."""

    reason: str
    found: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a container claims.

    Attributes:
        format: one of the formats of `harken.audio.container.FORMATS`.
        rate_hz, channels: 0 where only the decoder knows.
        frames: claimed samples a channel; None where only the decoder knows.
        bits: bits a sample of integer formats, else 0.
        md5: hash of the decoded samples (FLAC), or empty.
        patches: bytes that the decoder must see in place of those of the file.
        notes: what is odd about the file.
    """

    format: str
    rate_hz: int = 0
    channels: int = 0
    frames: int | None = None
    bits: int = 0
    md5: bytes = b""
    patches: tuple[Patch, ...] = ()
    notes: tuple[AudioNote, ...] = ()


def check_header(header: Header, size: int) -> None:
    """Refuse impossible rates, channel counts and lengths; raises AudioError."""
    rate, channels = header.rate_hz, header.channels
    if rate and not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise AudioError("bad-header", f"the header claims a sample rate of {rate:,} Hz")
    if channels > MAX_CHANNELS:
        raise AudioError("bad-header", f"the header claims {channels} channels")
    if header.frames is None or not rate:
        return
    if header.frames == 0:
        raise AudioError("no-samples", "the header is whole but no samples follow")
    length_s = header.frames / rate
    if length_s > MAX_DURATION_S:
        if header.frames * max(channels, 1) * 2 > BOMB_RATIO * size:
            found = f"the header claims {length_s / 3600:,.0f} hours in a file of {size:,} bytes"
            raise AudioError("bad-header", found)
        found = f"{length_s / 3600:.1f} hours long; the limit is {MAX_DURATION_S / 3600:.0f}"
        raise AudioError("too-long", found)


def check_count(header: Header, frames: int) -> None:
    """Refuse a file of which other than the stated number of samples can be decoded."""
    if header.frames is not None and frames < header.frames:
        raise AudioError("truncated", f"{frames:,} of {header.frames:,} samples can be decoded")
    if header.frames is not None and frames > header.frames:
        found = f"{header.frames:,} samples are stated, and {frames:,} can be decoded"
        raise AudioError("short-header", found)
    if frames == 0:
        raise AudioError("no-samples", "the header is whole but nothing can be decoded")
