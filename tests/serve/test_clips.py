"""The clips of a request, without a server."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("aiohttp")

from harken.serve.clips import ClipReader
from harken.serve.fields import BadRequest, Limits

RATE_HZ = 8000


def sent(channels: int, seconds: float = 1.0) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    wave = rng.uniform(-0.5, 0.5, (round(seconds * RATE_HZ), channels))
    file = io.BytesIO()
    sf.write(file, wave, RATE_HZ, "PCM_16", format="WAV")
    return {"data": base64.b64encode(file.getvalue()).decode(), "format": "wav"}


@pytest.mark.parametrize(("channels", "fit"), [(1, 5), (2, 2), (4, 1), (8, 0)])
def test_all_clips_of_a_request_share_its_samples_and_channels_count(
    channels: int, fit: int, tmp_path: Path
) -> None:
    """5.5 seconds of one channel are 2 of two, and 1 of four."""
    reader = ClipReader(Limits(samples=44_000), tmp_path)
    for _ in range(fit):
        assert reader.read("input_audio", sent(channels), "clip").duration_s == 1.0
    with pytest.raises(BadRequest) as refused:
        reader.read("input_audio", sent(channels), "clip")
    assert refused.value.status == 400


def test_the_time_to_decode_is_bounded(tmp_path: Path) -> None:
    reader = ClipReader(Limits(decode_s=-1.0), tmp_path)
    with pytest.raises(BadRequest):
        reader.read("input_audio", sent(1), "clip")


@pytest.mark.parametrize("kind", ["input_audio", "audio_url"])
def test_unknown_fields_are_refused_and_null_is_absent(kind: str, tmp_path: Path) -> None:
    reader = ClipReader(Limits(), tmp_path)
    held = sent(1)
    if kind == "audio_url":
        held = {"url": f"data:audio/wav;base64,{held['data']}"}
    assert reader.read(kind, {**held, "start": None}, "clip").duration_s == 1.0
    with pytest.raises(BadRequest, match="has no field 'start'"):
        reader.read(kind, {**held, "start": 3}, "clip")
