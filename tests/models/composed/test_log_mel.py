from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import Clip, silence
from harken.audio.load import load
from harken.errors import ModelError
from harken.models.composed.log_mel import (
    MelSettings,
    frame_count,
    log_mel,
    mel_bank,
    normalise,
)
from harken.models.engine.features import FeatureCache
from tiny_audio import RATE, sound


def test_a_tone_is_loudest_in_its_own_band() -> None:
    settings = MelSettings()
    wave = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    mel = log_mel(wave, settings)
    centre = np.argmax(mel_bank(settings)[:, round(1000 / RATE * settings.size)])
    assert set(mel.argmax(1)) == {centre}
    assert mel.shape == (98, 64) and mel.dtype == np.float32


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 559, 560, 16000, 80001])
def test_length_is_the_clips_own(samples: int) -> None:
    mel = log_mel(np.zeros(samples, np.float32))
    assert len(mel) == frame_count(samples, MelSettings()) == 1 + max(0, samples - 400) // 160


def test_long_clips_are_computed_in_blocks() -> None:
    wave = np.random.default_rng(0).standard_normal(RATE * 42).astype(np.float32)
    whole = log_mel(wave)
    late = log_mel(wave[160 * 4000 : 160 * 4000 + 400 + 160 * 199])
    np.testing.assert_allclose(whole[4000:4200], late, atol=1e-5)


def test_silence_is_zeros_and_loudness_is_removed() -> None:
    assert not normalise(log_mel(np.zeros(RATE, np.float32))).any()
    wave = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    np.testing.assert_allclose(normalise(log_mel(wave * 0.1)), normalise(log_mel(wave)), atol=2e-4)


def test_features_are_computed_once_and_read_only(tmp_path: Path) -> None:
    cache = FeatureCache()
    calls = []

    def make(clip: Clip) -> np.ndarray:
        samples = load(clip)
        calls.append(len(samples))
        return log_mel(samples)

    clip = sound(tmp_path, "noise")
    first = cache.get(clip, "mel", make, 60.0)
    assert cache.get(clip, "mel", make, 60.0) is first and calls == [RATE // 2]
    with pytest.raises(ValueError):
        first[0, 0] = 1.0
    cache.get(clip, "other", make, 60.0)
    assert len(calls) == 2


def test_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(ModelError, match=r"61\.00 s long.*at most 60 s"):
        FeatureCache().get(silence(61.0), "mel", lambda clip: log_mel(load(clip)), 60.0)
