"""The bytes of embedded clips: encoded once from the source, then copied from shard to shard."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.codec import FLAC_CHANNELS, encode_whole
from harken.audio.load import blocks, load
from harken.audio.packed import packed_bytes
from harken.audio.probe import probe
from harken.audio.single import duration_s
from harken.audio.stems import scene_channels
from harken.audio.written import encode_blocks
from harken.errors import AudioError

WHOLE_S = 60.0
"""Scenes up to this length (s) are rendered as a whole to be encoded."""


def embedded(clip: Clip, embed: bool) -> tuple[Clip, bytes] | None:
    """The embedded form of `clip` and its encoded bytes, or None where the clip stays a reference.

    Clips that are embedded already keep their bytes even without `embed`, so that a filtered
    dataset does not depend on the one it came from. Silence and noise need no bytes. A whole FLAC
    file is copied byte for byte; everything else is decoded at its own rate, cut to its span and
    written as FLAC, or as float WAV if its samples are beyond full scale (`encode_whole`). A scene
    of more than `WHOLE_S` is rendered and encoded block by block.

    Raises:
        AudioError: the source cannot be used.
    """
    if clip.kind == "shard":
        data = shard_bytes(clip)
        return replace(clip, origin=clip.key), data
    if not embed or clip.kind in ("silence", "noise"):
        return None
    if clip.kind == "file" and clip.plan is None:
        whole = _whole_flac(clip)
        if whole is not None:
            length_s, data = whole
            return replace(clip, kind="shard", duration_s=length_s, origin=clip.key), data
    long = _long_scene(clip)
    if long is not None:
        return _encoded(clip, *long), long[0]
    if clip.kind == "note":
        rate_hz = RATE_HZ
    elif clip.plan is not None:
        rate_hz = clip.plan.rate_hz
    else:
        rate_hz = _rate_hz(clip.path, _changed_ns(clip.path))
    samples = load(clip, rate_hz=rate_hz, mono=clip.plan is not None and clip.plan.layout == "mono")
    data = encode_whole(samples, rate_hz)
    return _encoded(clip, data, samples.shape[-1] / rate_hz), data


def _encoded(clip: Clip, data: bytes, length_s: float) -> Clip:
    return replace(
        clip,
        kind="shard",
        start_s=0.0,
        duration_s=length_s,
        sha256=hashlib.sha256(data).hexdigest(),
        origin=clip.key,
    )


def _long_scene(clip: Clip) -> tuple[bytes, float] | None:
    """A long scene as 16-bit FLAC, without all of it in memory, and its length in seconds.

    None where that does not do: it does for the whole of a scene whose gain is a constant and
    which is as loud as most are.
    """
    plan = clip.plan
    if plan is None or plan.gain_db is None or plan.duration_s <= WHOLE_S:
        return None
    if clip.start_s or clip.duration_s not in (None, plan.duration_s):
        return None
    mono = plan.layout == "mono"
    channels = 1 if mono else scene_channels(plan)
    peak = max(float(np.max(np.abs(block))) for block in blocks(plan, mono=mono))
    if not 1 / 64 <= peak <= 1.0 or channels > FLAC_CHANNELS:
        return None
    return encode_blocks(blocks(plan, mono=mono), plan.rate_hz, channels), plan.duration_s


def shard_bytes(clip: Clip) -> bytes:
    """The encoded bytes that a ``shard`` clip refers to; checked against its hash if it has one."""
    try:
        data = packed_bytes(clip.path, clip.row, clip.slot)
    except OSError as error:
        raise AudioError("missing", f"the shard cannot be read: {error}", where=clip.path) from None
    except AudioError as error:
        raise AudioError(error.reason, error.found, where=clip.path) from None
    if clip.sha256 is not None and hashlib.sha256(data).hexdigest() != clip.sha256:
        raise AudioError(
            "hash-mismatch", "the bytes are not those that were written", where=clip.path
        )
    return data


def _whole_flac(clip: Clip) -> tuple[float, bytes] | None:
    """Length in seconds and bytes if the clip is the whole of a FLAC file."""
    path = Path(clip.path)
    if clip.start_s or not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(4) != b"fLaC":
            return None
    length_s = duration_s(Clip(path=clip.path))
    if clip.duration_s is not None and abs(clip.duration_s - length_s) > 1e-6:
        return None
    data = path.read_bytes()
    if clip.sha256 is not None and hashlib.sha256(data).hexdigest() != clip.sha256:
        raise AudioError(
            "hash-mismatch", "the file is not the one that was expected", where=clip.path
        )
    return length_s, data


def _changed_ns(path: str) -> int:
    """When the file changed; 0 where it is not there, which `probe` tells."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4096)
def _rate_hz(path: str, changed_ns: int) -> int:
    """The source's sample rate; `changed_ns` makes the cache miss when the file changes."""
    return probe(path).rate_hz
