"""Long sounds to files, block by block, so that their length takes no memory."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harken.audio.codec import Samples, check_values
from harken.files import part_of, settle


def write_blocks(
    path: Path, blocks: Iterable[Samples], rate_hz: int, channels: int, format: str
) -> None:
    """Write blocks (channels, n) as one 16-bit ``"WAV"`` or ``"FLAC"`` file, whole or not at all.

    Samples are rounded as `harken.audio.codec.encode` does.
    """
    part = part_of(path)
    _write(str(part), blocks, rate_hz, channels, format)
    settle(path)


def encode_blocks(blocks: Iterable[Samples], rate_hz: int, channels: int) -> bytes:
    """The bytes of blocks (channels, n) as one 16-bit FLAC file."""
    out = io.BytesIO()
    _write(out, blocks, rate_hz, channels, "FLAC")
    return out.getvalue()


def _write(
    where: str | io.BytesIO, blocks: Iterable[Samples], rate_hz: int, channels: int, format: str
) -> None:
    import soundfile

    with soundfile.SoundFile(
        where, "w", rate_hz, channels, subtype="PCM_16", format=format
    ) as file:
        for block in blocks:
            check_values(block)
            steps = np.rint(block.T.astype(np.float64) * 32768.0)
            file.write(np.clip(steps, -32768, 32767).astype(np.int16))
