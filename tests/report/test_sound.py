"""Pictures of sounds whose shape is known."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip, silence
from harken.audio.load import load, write_wav
from harken.errors import AudioError
from harken.report.sound import BANDS, COLUMNS, mel_picture, sound, waveform

RATE = RATE_HZ


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_the_waveform_shows_where_the_sound_is() -> None:
    samples = np.concatenate([np.zeros(RATE, np.float32), 0.5 * tone(440)])
    wave = np.frombuffer(waveform(samples), np.uint8).reshape(COLUMNS, 2)
    tall = wave[:, 1].astype(int) - wave[:, 0]
    assert set(tall[: COLUMNS // 2 - 2]) == {0}
    assert tall[COLUMNS // 2 + 2 :] == pytest.approx(127, abs=3)


def test_a_higher_tone_is_drawn_higher_and_a_sweep_rises() -> None:
    places = []
    for frequency in (200, 1000, 5000):
        mel = np.frombuffer(mel_picture(tone(frequency), RATE), np.uint8).reshape(COLUMNS, BANDS)
        places.append(int(mel[COLUMNS // 2].argmax()))
    assert places == sorted(places) and len(set(places)) == 3


@pytest.mark.parametrize("samples", [0, 1, 7, 100, 511, 16_000, 16_000 * 61])
def test_every_length_gives_a_full_picture(samples: int) -> None:
    noise = np.random.default_rng(1).standard_normal(samples).astype(np.float32) * 0.1
    assert len(waveform(noise)) == 2 * COLUMNS
    assert len(mel_picture(noise, RATE)) == COLUMNS * BANDS


def test_silence_is_blank() -> None:
    quiet = np.zeros(RATE, np.float32)
    assert mel_picture(quiet, RATE) == bytes(COLUMNS * BANDS)


def test_the_playable_bytes_are_the_clip(tmp_path: Path) -> None:
    samples = 0.3 * tone(300, 0.5)
    write_wav(tmp_path / "a.wav", samples, RATE)
    made = sound(Clip(path=str(tmp_path / "a.wav")))
    (tmp_path / "b.flac").write_bytes(made.flac)
    back = load(Clip(path=str(tmp_path / "b.flac")))
    assert back == pytest.approx(samples, abs=1 / 2**14)
    shown = made.to_json()
    assert base64.b64decode(shown["uri"].split(",")[1]) == made.flac
    assert shown["seconds"] == 0.5
    assert sound(Clip(path=str(tmp_path / "a.wav"))) == made


def test_silence_can_be_played_and_a_missing_file_says_so(tmp_path: Path) -> None:
    assert sound(silence(1.0)).seconds == 1.0
    with pytest.raises(AudioError):
        sound(Clip(path=str(tmp_path / "nowhere.wav")))
