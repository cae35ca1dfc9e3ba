"""Whether anything can be heard in a recording, and which sound it is, whatever its bytes.

Models hear the mean of all channels, so that is what counts here: opposite channels are silence. A
`HeardSamples` takes the blocks of a file while it is decoded (`harken.audio.probe.probe`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.errors import AudioError

AT_REST = 2.0 / 32768.0 + 1e-7
"""Samples this far apart are at one level: a step of 16 bits to either side of it (-90 dBFS)."""

SHORTEST_S = 0.01
"""Shortest recording, or event of one, that is used."""

HEARD_S = 0.0001
"""Least time (s), and more than one sample, in which samples leave their resting level."""

CANCELLED = 1000.0
"""Channels over this many times louder than their mean cancel each other (60 dB)."""

FRAME_S = 0.01


class HeardSamples:
    """Hears a recording block by block.

    Args:
        hashed: compute `sound`.

    Attributes:
        rate_hz: of the blocks; 0 before the first.
    """

    def __init__(self, hashed: bool = True) -> None:
        """Nothing has been heard yet."""
        self._hashed = hashed
        self.rate_hz = 0
        self._frames: list[NDArray[Any]] = []
        self._rest: NDArray[Any] = np.zeros(0, np.float32)
        self._hash = hashlib.blake2b(digest_size=16)
        self._mean = [np.inf, -np.inf]
        self._channels: list[NDArray[Any]] = []
        self._count = 0

    def take(self, block: NDArray[Any], rate_hz: int) -> None:
        """Hear the next samples: float32 (frames, channels), full scale 1."""
        if not self.rate_hz:
            self.rate_hz = rate_hz
            self._hash.update(f"{rate_hz}:".encode())
        mono = block[:, 0]
        if block.shape[1] > 1:
            mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        mono = mono + np.float32(0.0)  # -0.0 becomes 0.0
        if self._hashed:
            self._hash.update(np.ascontiguousarray(mono, "<f4").tobytes())
        self._mean = [min(self._mean[0], float(mono.min())), max(self._mean[1], float(mono.max()))]
        ends = np.stack([block.min(axis=0), block.max(axis=0)])
        if self._channels:
            before = self._channels[0]
            ends = np.stack([np.minimum(before[0], ends[0]), np.maximum(before[1], ends[1])])
        self._channels = [ends]
        self._count += len(mono)
        mono = np.concatenate([self._rest, mono]) if len(self._rest) else mono
        size = max(1, round(rate_hz * FRAME_S))
        whole = len(mono) // size * size
        if whole:
            self._frames.append(_moving(mono[:whole].reshape(-1, size)))
        self._rest = mono[whole:].copy()

    @property
    def sound(self) -> str:
        """32 hex digits of the samples (the mean of all channels) and their rate.

        The same for a WAV and the FLAC made of it, and for one channel and two equal ones.
        """
        return self._hash.hexdigest()

    def require(self, start_s: float = 0.0, length_s: float | None = None) -> None:
        """Refuse a span in which nothing is heard; all of it without `length_s`.

        Spans are heard in frames of 10 ms.

        Raises:
            AudioError: ``too-short`` or ``silent``.
        """
        total_s = self._count / self.rate_hz if self.rate_hz else 0.0
        length_s = total_s - start_s if length_s is None else length_s
        if length_s < SHORTEST_S - 1e-6:
            raise AudioError("too-short", f"it lasts {_time(length_s)}, less than 10 ms")
        least_s = max(HEARD_S, 1.5 / max(1, self.rate_hz))
        if self._moving_s(start_s, start_s + length_s) >= least_s:
            if self._cancelled():
                found = "the channels cancel each other: their mean, which models hear, is silence"
                raise AudioError("silent", found)
            return
        raise AudioError("silent", self._why(start_s, length_s, total_s))

    def _moving_s(self, start_s: float, end_s: float) -> float:
        """Seconds of the span in which samples leave the level of their frame."""
        frames = np.concatenate([*self._frames, _moving(self._rest[None])])
        first, last = int(start_s / FRAME_S + 1e-6), int(np.ceil(end_s / FRAME_S - 1e-6))
        return float(frames[first:last].sum()) / max(1, self.rate_hz)

    def _cancelled(self) -> bool:
        ends = self._channels[0]
        loudest = float((ends[1] - ends[0]).max())
        return loudest > CANCELLED * (self._mean[1] - self._mean[0])

    def _why(self, start_s: float, length_s: float, total_s: float) -> str:
        low, high = self._mean
        if length_s < total_s - FRAME_S:
            return f"nothing is heard from {start_s:g} s to {start_s + length_s:g} s"
        if float((self._channels[0][1] - self._channels[0][0]).max()) > AT_REST >= high - low:
            return "the channels cancel each other: their mean, which models hear, is silence"
        if low == high:
            return f"every sample is {low:g}"
        if high - low <= AT_REST:
            return f"all samples lie within {high - low:.1g} of each other (full scale is 1)"
        return f"sound is heard for {_time(self._moving_s(0.0, total_s))} only"


def _moving(frames: NDArray[Any]) -> NDArray[Any]:
    """How many samples of each row of (frames, samples) are over `AT_REST` off its level.

    The resting level is that of the first or the last sample, whichever more samples share.
    """
    if not frames.size:
        return np.zeros(1, np.int64)
    ends = (frames[:, :1], frames[:, -1:])
    off = [np.count_nonzero(np.abs(frames - end) > AT_REST, axis=1) for end in ends]
    return np.asarray(np.minimum(*off))


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{max(0.0, seconds) * 1e6:.3g} µs"
