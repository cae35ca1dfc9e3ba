"""Log-mel features of a clip in numpy, at the clip's own length.

Frames of 400 samples (25 ms) every 160 (10 ms), Hann window, 1024-point FFT, 64 triangular bands
from 50 Hz to 8 kHz on the mel scale 2595 log10(1 + f / 700), log10 of the band power. No padding to
30 s and no truncation: a clip longer than the limit is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ
from harken.models.engine.features import Array
from harken.threads import one_blas_thread

_LEAST = np.float32(1e-8)  # smallest power of a band


_BLOCK = 4096  # frames transformed at once: bounds the memory of a long clip


@dataclass(frozen=True, slots=True)
class MelSettings:
    """Parameters of the log-mel.

    Attributes:
        rate_hz: sampling rate.
        window, hop, size: frame length, step, and FFT length, in samples.
        bins: number of mel bands between `low_hz` and `high_hz`.
        span: normalisation clips values more than `span` decades below the clip's maximum.
        scale: decades in one unit of the normalised features.
    """

    rate_hz: int = RATE_HZ
    window: int = 400
    hop: int = 160
    size: int = 1024
    bins: int = 64
    low_hz: float = 50.0
    high_hz: float = 8000.0
    span: float = 6.0
    scale: float = 1.5


def mel_bank(settings: MelSettings) -> Array:
    """Triangular filters (bins, size // 2 + 1), each with peak 1."""
    return _bank(settings)


def frame_count(samples: int, settings: MelSettings) -> int:
    """Frames of a clip of `samples` samples; at least one."""
    return 1 + max(0, samples - settings.window) // settings.hop


def log_mel(samples: Array, settings: MelSettings | None = None) -> Array:
    """log10 band powers (T, bins) of mono float32 (n,); at least -8."""
    settings = settings or MelSettings()
    short = settings.window - len(samples)
    if short > 0:
        samples = np.pad(samples, (0, short))
    if not samples.any():
        count = frame_count(len(samples), settings)
        return np.full((count, settings.bins), np.log10(_LEAST), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, settings.window)[:: settings.hop]
    window = np.hanning(settings.window).astype(np.float32)
    out = np.empty((len(frames), settings.bins), np.float32)
    for first in range(0, len(frames), _BLOCK):
        part = np.fft.rfft(frames[first : first + _BLOCK] * window, settings.size)
        out[first : first + _BLOCK] = power_mel(part.real**2 + part.imag**2, settings)
    return out


def spectra(sound: Array, settings: MelSettings | None = None) -> NDArray[np.complex64]:
    """Short-time Fourier transform (channels, T, F) of sound (channels, n), framed as `log_mel`."""
    settings = settings or MelSettings()
    short = max(0, settings.window - sound.shape[1])
    padded = np.pad(sound, ((0, 0), (0, short)))
    view = np.lib.stride_tricks.sliding_window_view(padded, settings.window, axis=1)
    frames = view[:, :: settings.hop] * np.hanning(settings.window).astype(np.float32)
    return np.fft.rfft(frames, settings.size).astype(np.complex64)


def power_mel(power: NDArray[np.floating[Any]], settings: MelSettings | None = None) -> Array:
    """log10 band powers (T, bins) of a power spectrum (T, F); at least -8, as in `log_mel`."""
    settings = settings or MelSettings()
    with one_blas_thread():
        mel = power.astype(np.float32) @ mel_bank(settings).T
    return np.asarray(np.log10(np.maximum(mel, _LEAST)), np.float32)


def normalise(mel: Array, settings: MelSettings | None = None) -> Array:
    """Remove loudness: clip `span` decades below the maximum, mean 0, one unit = `scale` decades.

    Silence becomes zeros without a special case: nothing is divided by a standard deviation.
    """
    settings = settings or MelSettings()
    level = np.maximum(mel, mel.max() - settings.span)
    return np.asarray((level - level.mean(dtype=np.float64)) / settings.scale, np.float32)


@lru_cache(maxsize=4)
def _bank(settings: MelSettings) -> Array:
    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    places = np.linspace(mel(settings.low_hz), mel(settings.high_hz), settings.bins + 2)
    edges = 700.0 * (10.0 ** (places / 2595.0) - 1.0)
    hz = np.linspace(0.0, settings.rate_hz / 2, settings.size // 2 + 1)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rows = np.minimum((hz - low) / (mid - low), (high - hz) / (high - mid))
    return np.asarray(np.maximum(0.0, rows), np.float32)
