"""Pitch and tempo change apart: the one leaves the length, the other the frequency."""

from __future__ import annotations

import numpy as np
import pytest

from harken.audio.tempo import changed

RATE = 16_000


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE).astype("f4")[None, :]


def frequency(sound: np.ndarray) -> float:
    inner = sound[0, RATE // 10 : -RATE // 10]
    power = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 1 << 18))
    return float(np.argmax(power)) * RATE / (1 << 18)


@pytest.mark.parametrize("tempo", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("pitch", [-5.0, 0.0, 4.0])
def test_length_and_frequency(pitch: float, tempo: float) -> None:
    found = changed(tone(440.0), RATE, pitch, tempo)
    assert found.shape == (1, round(RATE / tempo)) and found.dtype == np.float32
    assert frequency(found) == pytest.approx(440.0 * 2 ** (pitch / 12), rel=0.01)
    level = np.sqrt(np.mean(found[0, 2000:-2000] ** 2))
    assert level == pytest.approx(np.sqrt(0.5), rel=0.1)


def test_bursts_come_at_the_new_times() -> None:
    bursts = np.zeros((1, 2 * RATE), np.float32)
    noise = np.random.default_rng(3).standard_normal(1600).astype("f4")
    places = np.arange(2000, 30_000, 6000)
    for place in places:
        bursts[0, place : place + 1600] = noise
    for tempo in (0.8, 2.0):
        loud = np.abs(changed(bursts, RATE, 0.0, tempo)[0]) > 0.5
        begins = [at for at in np.flatnonzero(loud) if not loud[max(0, at - 1200) : at].any()]
        assert begins == pytest.approx(places / tempo, abs=0.02 * RATE)


def test_the_same_sound_gives_the_same_bytes() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 5000)).astype("f4")
    once, again = (changed(noise, RATE, 2.0, 0.8) for _ in range(2))
    assert once.tobytes() == again.tobytes() and once.shape == (2, 6250)
    assert changed(np.zeros((1, 10), "f4"), RATE, 1.0, 1.7).shape == (1, 6)
