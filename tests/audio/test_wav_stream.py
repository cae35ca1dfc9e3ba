"""A WAV stream: read by a decoder to its end, with the samples of a file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from harken.audio.load import write_wav
from harken.audio.wav_stream import pcm16, stream_header


def test_a_stream_has_the_samples_of_a_file(tmp_path: Path) -> None:
    wave = np.linspace(-1, 1, 1001).astype(np.float32)
    write_wav(tmp_path / "a.wav", wave, 16_000)
    whole = stream_header(16_000) + pcm16(wave[:500]) + pcm16(wave[500:])
    file = (tmp_path / "a.wav").read_bytes()
    assert len(whole) == len(file) and whole[44:] == file[44:]
    # The same header but for the two sizes.
    assert whole[8:40] == file[8:40] and whole[:4] == file[:4]
    assert whole[4:8] == whole[40:44] == b"\xff" * 4


def test_samples_beyond_full_scale_are_clipped() -> None:
    given = np.array([2.0, -2.0, 0.5, 0.0], np.float32)
    assert struct.unpack("<4h", pcm16(given)) == (32767, -32768, 16384, 0)
