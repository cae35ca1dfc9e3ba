"""Other tempo at the same pitch, and other pitch at the same tempo.

Tempo by WSOLA (Verhelst and Roelands: "An overlap-add technique based on waveform similarity
(WSOLA) for high quality time-scale modification of speech", ICASSP 1993): windows of the sound are
laid at other distances, each taken where it goes on best from the one before. Pitch by resampling,
and then the tempo back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harken.audio.codec import Samples, resample

WINDOW_S = 0.04
SEARCH_S = 0.01
"""Length of a window, and how far around its place it may be taken, in seconds."""


def changed(samples: Samples, rate_hz: int, pitch: float, tempo: float) -> Samples:
    """Samples (channels, n) raised by `pitch` semitones and `tempo` times as fast.

    Returns:
        (channels, round(n / tempo)).
    """
    count = round(samples.shape[1] / tempo)
    ratio = 2.0 ** (pitch / 12.0)
    if pitch:
        # Rates are whole numbers of hertz: a millionth more or less is not heard.
        scale = 1_000_000
        samples = resample(samples, round(ratio * scale), scale)
    if tempo != ratio:
        samples = stretched(samples, rate_hz, tempo / ratio)
    short = max(0, count - samples.shape[1])
    return np.ascontiguousarray(np.pad(samples[:, :count], ((0, 0), (0, short))))


def stretched(samples: Samples, rate_hz: int, tempo: float) -> Samples:
    """Samples (channels, n) `tempo` times as fast at the same pitch: (channels, n / tempo)."""
    half = max(1, round(WINDOW_S * rate_hz / 2))
    reach = round(SEARCH_S * rate_hz)
    total = samples.shape[1]
    hops = max(1, -(-round(total / tempo) // half))
    padded = np.pad(samples, ((0, 0), (half + reach, 3 * half + reach))).astype(np.float64)
    guide = padded.mean(axis=0)
    window = 0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * half) + 0.5) / half)
    out = np.zeros((samples.shape[0], (hops + 2) * half))
    taken = reach  # the first window begins half a window before the sound
    for hop in range(hops + 1):
        if hop:
            aim = reach + round(hop * half * tempo)
            taken = _best(guide, taken + half, aim, reach, 2 * half)
        piece = padded[:, taken : taken + 2 * half]
        out[:, hop * half : hop * half + piece.shape[1]] += piece * window[: piece.shape[1]]
    return out[:, half : half + round(total / tempo)].astype(np.float32)


def _best(guide: NDArray[np.float64], follow: int, aim: int, reach: int, size: int) -> int:
    """The place within `reach` of `aim` whose window is most like the one at `follow`."""
    low = max(0, aim - reach)
    field = guide[low : aim + reach + size]
    target = guide[follow : follow + size]
    if len(target) < size or len(field) < size:
        return min(aim, max(0, len(guide) - size))
    match = np.correlate(field, target, "valid")
    energy = np.cumsum(np.concatenate([[0.0], field * field]))
    norm = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1e-12))
    return low + int(np.argmax(match / norm))
