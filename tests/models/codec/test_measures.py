"""SNR and log-mel distance by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harken.models.codec.measures import log_mel_distance_db, snr_db


def tone() -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)).astype(np.float32)


def test_snr_of_a_tenth_is_twenty_db() -> None:
    wave = np.array([1.0, -1.0, 2.0], np.float32)
    assert snr_db(wave, 0.9 * wave) == pytest.approx(20.0, abs=1e-4)
    assert snr_db(wave, np.zeros(3, np.float32)) == pytest.approx(0.0)
    assert snr_db(wave, wave) == math.inf
    assert math.isnan(snr_db(np.zeros(3, np.float32), wave))


def test_the_distance_of_equal_sounds_is_zero_and_of_a_gain_at_most_the_gain() -> None:
    assert log_mel_distance_db(tone(), tone()) == 0.0
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    # Every band of white noise is far above the bound: ten times less power is 10 dB less.
    assert log_mel_distance_db(noise, noise * 10**-0.5) == pytest.approx(10.0, abs=1e-3)


def test_what_is_far_below_the_sound_is_not_told_apart() -> None:
    wave = tone()
    faint = 1e-6 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    assert log_mel_distance_db(wave, wave + faint) < 0.05
