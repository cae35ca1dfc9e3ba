"""Formats of FFmpeg: read where it is installed, refused with what would help where it is not."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.audio import foreign
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.container import sniff
from harken.audio.load import load
from harken.audio.probe import DecodeLimit, probe
from harken.errors import AudioError

HEADS = {
    "mp4": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100),
    "aac": bytes.fromhex("fff15080 0a1ffc") + bytes(100),
    "matroska": b"\x1a\x45\xdf\xa3" + bytes(100),
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100),
}


@pytest.mark.parametrize("format", HEADS)
def test_without_a_decoder_it_is_refused_with_what_would_help(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "has_pyav", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert sniff(HEADS[format]) == format
    (tmp_path / "a.m4a").write_bytes(HEADS[format])
    with pytest.raises(AudioError, match=r"harken\[m4a\]") as caught:
        probe(tmp_path / "a.m4a")
    assert caught.value.reason == "unsupported"


def m4a(path: Path, seconds: float = 2.0, hz: float = 1000.0, codec: str = "aac") -> Path:
    av: Any = pytest.importorskip("av")
    time = np.arange(round(seconds * 44_100)) / 44_100
    wave = (0.4 * np.sin(2 * np.pi * hz * time)).astype(np.float32)[None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44_100)
        stream.layout = "mono"
        for at in range(0, wave.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(wave[:, at : at + 1024].copy(), "fltp", "mono")
            frame.sample_rate, frame.pts = 44_100, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(params=["pyav", "ffmpeg"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if importlib.util.find_spec("av") is None:
        pytest.skip("no PyAV to write the files with")
    if request.param == "ffmpeg":
        if not shutil.which("ffmpeg"):
            pytest.skip("no ffmpeg on the path")
        monkeypatch.setattr(foreign, "has_pyav", lambda: False)
    return str(request.param)


def test_a_tone_is_heard_at_its_pitch_and_length(decoder: str, tmp_path: Path) -> None:
    for name in ("a.m4a", "b.mp4", "c.aac", "named.wav"):
        made = m4a(tmp_path / ("x.m4a" if name == "named.wav" else name))
        path = made.rename(tmp_path / name)
        found = probe(path)
        assert found.duration_s == pytest.approx(2.0, abs=0.1) and found.rate_hz == 44_100
        assert found.format == ("aac" if name == "c.aac" else "mp4")
        sound = load(Clip(path=str(path)))
        assert len(sound) == pytest.approx(found.duration_s * RATE_HZ, abs=1)
        middle = sound[8_000:24_000]
        assert int(np.argmax(np.abs(np.fft.rfft(middle)))) == 1000
        part = load(Clip(path=str(path), start_s=0.5, duration_s=0.5))
        assert np.array_equal(part, sound[8_000:16_000]) or np.allclose(
            part[100:-100], sound[8_100:15_900], atol=1e-3
        )


def test_damage_and_limits_are_told(decoder: str, tmp_path: Path) -> None:
    whole = m4a(tmp_path / "a.m4a", seconds=3.0)
    with pytest.raises(AudioError) as caught:
        probe(whole, limit=DecodeLimit(duration_s=1.0))
    assert caught.value.reason == "too-long"
    with pytest.raises(AudioError) as caught:
        probe(whole, limit=DecodeLimit(foreign=False))
    assert caught.value.reason == "unsupported"
    (tmp_path / "b.m4a").write_bytes(whole.read_bytes()[:200])
    with pytest.raises(AudioError) as caught:
        probe(tmp_path / "b.m4a")
    assert caught.value.reason in ("corrupt", "no-samples")
