"""What is sent of a clip: WAV of what every other model hears, whatever the file is called."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_wav, load
from harken.models.http.audio import ClipPayloads

KINDS = [
    ("MP3", "MPEG_LAYER_III", "a.wav"),
    ("FLAC", "PCM_16", "a.mp3"),
    ("WAV", "PCM_16", "a.flac"),
    ("OGG", "VORBIS", "a.wav"),
    ("AIFF", "PCM_16", "a.wav"),
]


@pytest.mark.parametrize(("format", "subtype", "name"), KINDS)
def test_a_clip_is_sent_as_it_is_heard_here(
    format: str, subtype: str, name: str, tmp_path: Path
) -> None:
    wave = 0.4 * np.sin(2 * np.pi * 600 * np.arange(22_050) / 22_050)
    sf.write(tmp_path / "made", wave, 22_050, format=format, subtype=subtype)
    clip = Clip(path=str((tmp_path / "made").rename(tmp_path / name)))
    sent = base64.b64decode(ClipPayloads()(clip))
    assert sent == encode_wav(load(clip), RATE_HZ)
    heard, rate = sf.read(io.BytesIO(sent))
    assert sf.info(io.BytesIO(sent)).format == "WAV" and rate == RATE_HZ
    assert abs(int(np.argmax(np.abs(np.fft.rfft(heard)))) / len(heard) * rate - 600) < 3
