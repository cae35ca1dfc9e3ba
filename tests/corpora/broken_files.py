"""Makes broken sound files, each with the reason by which it must be known."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 16_000


def tone(seconds: float = 1.0, hz: float = 440.0, channels: int = 1) -> np.ndarray:
    """A tone with a little noise, so that codecs have something to code: (n, channels)."""
    n = int(seconds * RATE)
    noise = np.random.default_rng([int(hz), n]).normal(0, 0.02, (n, channels))
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(n) / RATE)
    return (wave[:, None] + noise).astype(np.float32)


def encoded(format: str, subtype: str, **how: float) -> bytes:
    out = io.BytesIO()
    sf.write(out, tone(**how), RATE, format=format, subtype=subtype)
    return out.getvalue()


def wav(
    data: bytes = b"\1\0" * 800,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    claim: int | None = None,
    tag: int = 1,
    block: int | None = None,
) -> bytes:
    """A WAV by hand: `claim` is the data length in the header when it is not the true one."""
    block = channels * bits // 8 if block is None else block
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    size = len(data) if claim is None else claim
    chunks = b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(4 + 24 + 8 + size, 0xFFFFFFFF)) + b"WAVE" + chunks


def floats(*values: float, bits: int = 32) -> bytes:
    """A float WAV whose quiet samples are interrupted by `values`."""
    x = np.full(RATE, 0.1)
    x[RATE // 2 : RATE // 2 + len(values)] = values
    return wav(x.astype(f"<f{bits // 8}").tobytes(), bits=bits, tag=3)


def flac_with(
    data: bytes, rate: int | None = None, frames: int | None = None, bits: int = 0
) -> bytes:
    """FLAC with fields of STREAMINFO overwritten."""
    fields = int.from_bytes(data[18:26], "big")
    if rate is not None:
        fields = fields & ~(0xFFFFF << 44) | rate << 44
    if frames is not None:
        fields = fields & ~((1 << 36) - 1) | frames
    if bits:
        fields = fields & ~(31 << 36) | (bits - 1) << 36
    return data[:18] + fields.to_bytes(8, "big") + data[26:]


def flipped(data: bytes, at: float) -> bytes:
    """One byte inverted."""
    i = int(len(data) * at)
    return data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :]


def ogg_first(data: bytes, at: int, new: bytes) -> bytes:
    """Ogg with bytes of its first packet overwritten."""
    i = 27 + data[26] + at
    return data[:i] + new + data[i + len(new) :]


def broken_bytes() -> dict[str, tuple[bytes, str]]:
    """File name -> (content, expected reason)."""
    w, f = encoded("WAV", "PCM_16"), encoded("FLAC", "PCM_16")
    f24, v = encoded("FLAC", "PCM_24"), encoded("OGG", "VORBIS")
    o, m = encoded("OGG", "OPUS"), encoded("MP3", "MPEG_LAYER_III")
    text = b"Once upon a time there was a file that was no sound at all.\n" * 40
    made = {}
    for suffix in ("wav", "flac", "ogg", "opus", "mp3"):
        made[f"empty.{suffix}"] = b"", "empty"
        made[f"text.{suffix}"] = text, "not-audio"
        made[f"zeros.{suffix}"] = bytes(4000), "not-audio"
        noise = np.random.default_rng(5).integers(0, 255, 4000, np.uint8).tobytes()
        made[f"noise.{suffix}"] = b"\x00\x07" + noise, "not-audio"
    made |= {
        "one-byte.wav": (b"R", "not-audio"),
        "one-sample.wav": (wav(b"\1\0"), "too-short"),
        "silence.wav": (wav(bytes(3200)), "silent"),
        "png.wav": (b"\x89PNG\r\n\x1a\n" + bytes(500), "not-audio"),
        "zip.flac": (b"PK\3\4" + bytes(500), "not-audio"),
        "avi.wav": (b"RIFF" + struct.pack("<I", 500) + b"AVI " + bytes(488), "not-audio"),
        "theora.ogg": (b"OggS" + bytes(22) + b"\1\x2a\x80theora" + bytes(60), "not-audio"),
        "half.wav": (w[: len(w) // 2], "truncated"),
        "one-sample-short.wav": (w[:-2], "truncated"),
        "in-header.wav": (w[:20], "truncated"),
        "half.flac": (f[: len(f) // 2], "truncated"),
        "tail.flac": (f[:-40], "truncated"),
        "in-header.flac": (f[:30], "truncated"),
        "half.ogg": (v[: len(v) // 2], "truncated"),
        "no-end-page.ogg": (v[: v.rindex(b"OggS")], "truncated"),
        "half.opus": (o[: len(o) // 2], "truncated"),
        "half.mp3": (m[: len(m) // 2], "truncated"),
        "last-frame.mp3": (m[:-20], "truncated"),
        "id3-only.mp3": (b"ID3\4\0\0\0\0\x10\0" + bytes(50), "truncated"),
        "claims-4gb.wav": (wav(claim=0xFFFF0000), "bad-header"),
        "claims-3gb.wav": (wav(claim=3_000_000_000), "bad-header"),
        "zero-channels.wav": (wav(channels=0, block=2), "bad-header"),
        "many-channels.wav": (wav(channels=60_000, block=2), "bad-header"),
        "zero-block.wav": (wav(block=0), "bad-header"),
        "2-31-hz.wav": (wav(rate=2**31), "bad-header"),
        "one-hz.wav": (wav(rate=1), "bad-header"),
        "no-fmt.wav": (
            b"RIFF" + struct.pack("<I", 1636) + b"WAVEdata\x40\6\0\0" + bytes(1600),
            "bad-header",
        ),
        "unknown-codec.wav": (wav(tag=0x7777), "bad-header"),
        "bomb.flac": (flac_with(f, frames=(1 << 36) - 1), "bad-header"),
        "one-hz.flac": (flac_with(f, rate=1), "bad-header"),
        "no-streaminfo.flac": (f[:4] + b"\4" + f[5:], "bad-header"),
        "zero-channels.ogg": (ogg_first(v, 11, b"\0"), "bad-header"),
        "2-31-hz.ogg": (ogg_first(v, 12, struct.pack("<I", 2**31)), "bad-header"),
        "zero-hz.wav": (wav(rate=0), "zero-rate"),
        "zero-hz.flac": (flac_with(f, rate=0), "zero-rate"),
        "zero-hz.ogg": (ogg_first(v, 12, bytes(4)), "zero-rate"),
        "header-only.wav": (wav(b""), "no-samples"),
        "no-data-chunk.wav": (
            wav(b"")[:4] + struct.pack("<I", 36) + wav(b"")[8:36] + b"junk\0\0\0\0",
            "no-samples",
        ),
        "header-only.flac": (
            flac_with(f, frames=0)[:4] + b"\x80" + flac_with(f, frames=0)[5:42],
            "no-samples",
        ),
        "nan.wav": (floats(float("nan")), "non-finite"),
        "all-nan.wav": (wav(np.full(800, np.nan, "<f4").tobytes(), bits=32, tag=3), "non-finite"),
        "inf.wav": (floats(float("inf")), "non-finite"),
        "minus-inf.wav": (floats(-float("inf"), 0.0), "non-finite"),
        "nan64.wav": (floats(float("nan"), bits=64), "non-finite"),
        "integers-as-floats.wav": (floats(20_000.0, -31_000.0), "out-of-range"),
        "bit-flip.flac": (flipped(f, 0.6), "corrupt"),
        "bit-flip-24.flac": (flipped(f24, 0.6), "corrupt"),
        "bit-flip.ogg": (flipped(v, 0.8), "corrupt"),
        "hole.mp3": (m[:2000] + m[2100:], "corrupt"),
        "junk-between.mp3": (m[:1500] + bytes(77) + m[1500:], "corrupt"),
        "bit-flip.opus": (flipped(o, 0.5), "corrupt"),
        "song.m4a": (bytes(100), "not-audio"),
        "song.ape": (bytes(100), "unsupported"),
        "long.wav": (b"", "too-long"),
    }
    return made


def good_bytes() -> dict[str, bytes]:
    """File name -> content, all of which must be kept."""
    made = {
        "pcm16.wav": encoded("WAV", "PCM_16"),
        "pcm24.wav": encoded("WAV", "PCM_24", hz=300.0),
        "unsigned8.wav": encoded("WAV", "PCM_U8", hz=310.0),
        "float.wav": encoded("WAV", "FLOAT", hz=320.0),
        "double.wav": encoded("WAV", "DOUBLE", hz=330.0),
        "ulaw.wav": encoded("WAV", "ULAW", hz=340.0),
        "adpcm.wav": encoded("WAV", "IMA_ADPCM", hz=350.0),
        "extensible.wav": encoded("WAVEX", "PCM_16", hz=355.0),
        "rf64.wav": encoded("RF64", "PCM_16", hz=357.0),
        "stereo.flac": encoded("FLAC", "PCM_16", hz=360.0, channels=2),
        "deep.flac": encoded("FLAC", "PCM_24", hz=370.0, channels=2),
        "eight.flac": encoded("FLAC", "PCM_S8", hz=375.0),
        "vorbis.ogg": encoded("OGG", "VORBIS", hz=380.0),
        "vorbis.oga": encoded("OGG", "VORBIS", hz=385.0, channels=2),
        "opus.opus": encoded("OGG", "OPUS", hz=390.0),
        "opus.ogg": encoded("OGG", "OPUS", hz=395.0),
        "layer3.mp3": encoded("MP3", "MPEG_LAYER_III", hz=400.0),
        "SHOUTED.WAV": encoded("WAV", "PCM_16", hz=410.0),
        "really-flac.wav": encoded("FLAC", "PCM_16", hz=470.0),
        "really-wav.flac": encoded("WAV", "PCM_16", hz=480.0),
        "really-mp3.wav": encoded("MP3", "MPEG_LAYER_III", hz=490.0),
        "really-ogg.mp3": encoded("OGG", "VORBIS", hz=520.0),
        "really-vorbis.opus": encoded("OGG", "VORBIS", hz=530.0),
        "really-wav.ogg": encoded("WAV", "PCM_16", hz=540.0),
        "with\nnewline.wav": encoded("WAV", "PCM_16", hz=420.0),
        "<img src=x onerror=alert(1)>.wav": encoded("WAV", "PCM_16", hz=430.0),
        "ünïcödé 音.wav": encoded("WAV", "PCM_16", hz=450.0),
        "n" * 240 + ".wav": encoded("WAV", "PCM_16", hz=460.0),
    }
    m = encoded("MP3", "MPEG_LAYER_III", hz=405.0)
    made["tagged.mp3"] = b"ID3\3\0\0\0\0\0\x20" + bytes(32) + bytes(400) + m
    made["tag-at-end.mp3"] = m + b"TAG" + bytes(125)
    return made


def make_corpus(root: Path, outside: Path) -> dict[str, str]:
    """Write good and broken files below `root`; broken relative path -> reason."""
    expected = {}
    (root / "good").mkdir(parents=True)
    (root / "bad").mkdir()
    for name, data in good_bytes().items():
        (root / "good" / name).write_bytes(data)
    for name, (data, reason) in broken_bytes().items():
        (root / "bad" / name).write_bytes(data)
        expected[f"bad/{name}"] = reason
    with (root / "bad" / "long.wav").open("wb") as file:  # sparse: 7 hours of silence, no disk
        length = 7 * 3600 * 8_000
        file.write(wav(b"", rate=8_000, bits=8, claim=length))
        file.truncate(44 + length)
    return expected | special_files(root / "bad", outside)


def special_files(bad: Path, outside: Path) -> dict[str, str]:
    """What is no ordinary file: links, pipes, folders, devices, names."""
    outside.mkdir()
    (outside / "secret.wav").write_bytes(encoded("WAV", "PCM_16", hz=500.0))
    made: dict[str, tuple[Callable[[], object], str]] = {
        "escape.wav": (
            lambda: (bad / "escape.wav").symlink_to(outside / "secret.wav"),
            "escapes-root",
        ),
        "escape-dir": (lambda: (bad / "escape-dir").symlink_to(outside), "escapes-root"),
        "zero-device.wav": (
            lambda: (bad / "zero-device.wav").symlink_to("/dev/zero"),
            "escapes-root",
        ),
        "dangling.wav": (
            lambda: (bad / "dangling.wav").symlink_to(bad / "nothing.wav"),
            "broken-link",
        ),
        "circle.wav": (lambda: (bad / "circle.wav").symlink_to(bad / "circle.wav"), "broken-link"),
        "folder.wav": (lambda: (bad / "folder.wav").mkdir(), "not-a-file"),
        "pipe.wav": (lambda: os.mkfifo(bad / "pipe.wav"), "not-a-file"),
        "pipe.mp3": (lambda: os.mkfifo(bad / "pipe.mp3"), "not-a-file"),
    }
    for make, _ in made.values():
        make()
    expected = {f"bad/{name}": reason for name, (_, reason) in made.items()}
    try:
        raw = os.fsencode(bad) + b"/caf\xe9.wav"
        with open(raw, "wb") as file:
            file.write(encoded("WAV", "PCM_16", hz=510.0))
        expected["bad/caf\\xe9.wav"] = "bad-name"
    except OSError:  # a file system that takes UTF-8 names only
        pass
    return expected
