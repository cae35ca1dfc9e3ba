"""One clip as the page needs it: playable bytes, a waveform and a log-mel picture, all compact.

The audio is FLAC (16-bit, lossless, deterministic), which every current browser plays. The picture
is computed here so that the page draws it at once, without decoding audio in the browser:

* waveform: `COLUMNS` pairs (lowest, highest sample), one byte each;
* spectrogram: `COLUMNS` x `BANDS` log-mel energies, 70 dB below the clip's maximum up to the
  maximum, one byte each. Mel scale: 2595 log10(1 + f / 700) (O'Shaughnessy 1987).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_flac, load
from harken.threads import one_blas_thread

COLUMNS = 220
BANDS = 56
RANGE_DB = 70.0
WINDOW = 512
HOP = 160


@dataclass(frozen=True, slots=True)
class PlayableClip:
    """A clip ready for the page; `size` is what it adds to the file, in bytes."""

    seconds: float
    rate_hz: int
    flac: bytes
    wave: bytes
    mel: bytes

    @property
    def size(self) -> int:
        """Bytes it takes in the page (base64: 4 for 3)."""
        return (len(self.flac) + len(self.wave) + len(self.mel)) * 4 // 3

    def to_json(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "seconds": round(self.seconds, 3),
            "rate_hz": self.rate_hz,
            "uri": "data:audio/flac;base64," + _text(self.flac),
            "wave": _text(self.wave),
            "mel": _text(self.mel),
        }


def sound(clip: Clip, rate_hz: int = RATE_HZ) -> PlayableClip:
    """Load, encode and draw one clip; raises AudioError when it cannot be loaded."""
    samples = load(clip, rate_hz)
    return PlayableClip(
        seconds=len(samples) / rate_hz,
        rate_hz=rate_hz,
        flac=encode_flac(samples, rate_hz),
        wave=waveform(samples),
        mel=mel_picture(samples, rate_hz),
    )


def waveform(samples: NDArray[np.float32]) -> bytes:
    """Lowest and highest sample of each column in turn, 0..255 for -1..1; 2 x COLUMNS bytes."""
    edges = np.linspace(0, len(samples), COLUMNS + 1).astype(int)
    out = np.zeros((COLUMNS, 2))
    for column in range(COLUMNS):
        piece = samples[edges[column] : max(edges[column + 1], edges[column] + 1)]
        if len(piece):
            out[column] = piece.min(), piece.max()
    return _bytes((np.clip(out, -1, 1) + 1) * 127.5)


def mel_picture(samples: NDArray[np.float32], rate_hz: int) -> bytes:
    """Log-mel energies, column after column from low to high band; COLUMNS x BANDS bytes."""
    power = _power(samples)  # (frames, bins)
    with one_blas_thread():
        mel = power @ _filters(rate_hz).T  # (frames, BANDS)
    # Columns take the mean energy of their frames: a long clip shows every event, and a short one
    # repeats frames.
    edges = np.linspace(0, len(mel), COLUMNS + 1)
    starts = np.minimum(edges[:-1].astype(int), len(mel) - 1)
    ends = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
    sums = np.vstack([np.zeros((1, BANDS)), np.cumsum(mel, axis=0)])
    ends = np.minimum(ends, len(mel))
    mean = (sums[ends] - sums[starts]) / (ends - starts)[:, None]
    top = float(mean.max())
    if top <= 1e-12:
        return bytes(COLUMNS * BANDS)
    decibels = 10 * np.log10(np.maximum(mean / top, 1e-12))
    return _bytes((np.clip(decibels, -RANGE_DB, 0) / RANGE_DB + 1) * 255)


def _power(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    padded = np.pad(samples.astype(np.float64), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW)
    blocks = [
        np.abs(np.fft.rfft(frames[at : at + 512] * window, axis=1)) ** 2
        for at in range(0, len(frames), 512)
    ]
    return np.concatenate(blocks)


def _filters(rate_hz: int) -> NDArray[np.float64]:
    """Triangular mel filters from 40 Hz to half the rate, (BANDS, bins)."""
    bins = np.linspace(0, rate_hz / 2, WINDOW // 2 + 1)
    low, high = (2595 * np.log10(1 + f / 700) for f in (40.0, rate_hz / 2))
    points = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    left, mid, right = points[:-2, None], points[1:-1, None], points[2:, None]
    rising = (bins - left) / (mid - left)
    falling = (right - bins) / (right - mid)
    # The lowest bands are narrower than a bin: each keeps at least its nearest bin.
    weights = np.clip(np.minimum(rising, falling), 0, None)
    nearest = np.abs(bins[None, :] - mid).argmin(axis=1)
    empty = weights.sum(axis=1) < 1e-9
    weights[empty, nearest[empty]] = 1.0
    filters: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return filters


def _bytes(values: NDArray[np.float64]) -> bytes:
    return np.rint(values).astype(np.uint8).tobytes()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
