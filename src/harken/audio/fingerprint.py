"""Acoustic fingerprints: find a recording again after re-encoding, resampling, gain, cuts, noise.

Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002: 32 bits a frame, each
the sign of a difference of neighbouring bands' energies against an earlier frame::

    bit(n, m) = [E(n, m) - E(n, m+1) - (E(n-LAG, m) - E(n-LAG, m+1)) > 0]

A query's words, and those that differ in their `WEAKEST` bits only, are looked up; equal words vote
for a clip and an offset; the best are compared bit by bit over the whole overlap. Two different
recordings differ in half of the bits, with a standard deviation of 0.5 / sqrt(FREE * frames):
neighbouring frames overlap, so a frame has about `FREE` independent bits (measured). A match is
`SIGMAS` standard deviations below one half, and never above `MOST_ERRORS`. Silent frames are left
out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harken.audio.codec import Samples, resample

PRINT_HZ = 8000
"""Sample rate of fingerprints: the bandwidth of a telephone is enough."""

FRAME = 2048
HOP = 160
LAG = 4
BANDS = 33
LOWEST_HZ, HIGHEST_HZ = 250.0, 3400.0
SILENT_DB = -50.0
"""A frame this far below the clip's loudest one is silence."""

WEAKEST = 3
MOST_ERRORS = 0.35
SIGMAS = 8.5
FREE = 6.0
FEWEST = 16
"""Fewest frames in common: 0.32 s."""

_COMMON = 256  # a word at more places of the index is not specific; it is not looked up
_CANDIDATES = 24
_BLOCK = 512  # frames transformed at a time
_NEVER = np.float64(1e-20)  # energy below which a frame is silent in any clip

Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """A fingerprint: one word of 32 bits every `HOP` samples at `PRINT_HZ`.

    Attributes:
        words: (n,).
        clear: (n,) whether neither the frame nor the one `LAG` before is silent.
        weak: (n, WEAKEST) indices of the bits with the smallest differences.
    """

    words: Words
    clear: NDArray[np.bool_]
    weak: NDArray[np.uint8]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.words)


@dataclass(frozen=True, slots=True)
class FingerprintMatch:
    """A clip of the index that matches a query.

    Attributes:
        number: which clip, counted from 0 in the order in which they were added.
        errors: share of differing bits over the common frames; 0 same, 0.5 unrelated.
        seconds: length of the common frames that are not silent.
        offset_s: where in the indexed clip the query begins; negative: before its start.
    """

    number: int
    errors: float
    seconds: float
    offset_s: float


def fingerprint(samples: Samples, rate_hz: int) -> Fingerprint:
    """The fingerprint of mono (n,) or (channels, n) at `rate_hz`; channels are averaged."""
    wave = np.atleast_2d(samples).mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    wave = np.pad(resample(wave, rate_hz, PRINT_HZ)[0], FRAME // 2)
    energy = np.concatenate([_energy(block) for block in _blocks(wave)] or [np.zeros((0, BANDS))])
    slope = energy[:, :-1] - energy[:, 1:]
    change = slope[LAG:] - slope[:-LAG] if len(slope) > LAG else slope[:0]
    total = energy.sum(axis=1)
    floor = total.max(initial=0.0) * 10 ** (SILENT_DB / 10)
    loud = total > max(floor, _NEVER)
    packed = np.packbits(change > 0, axis=1, bitorder="little")
    weak = np.argpartition(np.abs(change), WEAKEST, axis=1)[:, :WEAKEST]
    return Fingerprint(
        np.ascontiguousarray(packed).view("<u4")[:, 0] if len(packed) else np.zeros(0, np.uint32),
        loud[LAG:] & loud[:-LAG] if len(change) else np.zeros(0, np.bool_),
        weak.astype(np.uint8),
    )


def sample_hash(samples: Samples, rate_hz: int) -> str:
    """A hash of the samples, whatever the file format; empty for silence.

    Samples (channels, n) are rounded to 16 bits, equal channels count once, zeros at both ends are
    dropped: a WAV, its FLAC and its zero-padded copy have the same hash.
    """
    whole = np.rint(np.atleast_2d(samples) * 32768.0).clip(-32768, 32767).astype("<i2")
    if len(whole) > 1 and (whole == whole[0]).all():
        whole = whole[:1]
    loud = np.flatnonzero(whole.any(axis=0))
    if not len(loud):
        return ""
    kept = np.ascontiguousarray(whole[:, loud[0] : loud[-1] + 1])
    head = f"{rate_hz} {kept.shape[0]} ".encode()
    return hashlib.blake2b(head + kept.tobytes(), digest_size=16).hexdigest()


class FingerprintIndex:
    """An index of fingerprints; about 12 bytes a frame, 600 bytes a second of audio."""

    def __init__(self) -> None:
        self._prints: list[Fingerprint] = []
        self._words: Words = np.zeros(0, np.uint32)
        self._places: NDArray[np.int32] = np.zeros((0, 2), np.int32)
        self._sorted = 0

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._prints)

    def add(self, one: Fingerprint | None) -> None:
        """Add the next clip; None (a clip that cannot be decoded) and silent clips never match."""
        self._prints.append(_NOTHING if one is None else one)

    def find(self, query: Fingerprint) -> list[FingerprintMatch]:
        """The clips that match `query`, the fewest bit errors first; each clip once."""
        self._sort()
        best: dict[int, FingerprintMatch] = {}
        for number, offset in self._candidates(query):
            match = self._compare(query, number, offset)
            held = best.get(number)
            if match is not None and (held is None or _surer(match, held)):
                best[number] = match
        return sorted(best.values(), key=lambda match: (match.errors, match.number))

    def _sort(self) -> None:
        """Sort all clear words; done once after clips were added."""
        if self._sorted == len(self._prints):
            return
        places = [
            np.column_stack([np.full(len(at), number), at]).astype(np.int32)
            for number, one in enumerate(self._prints)
            for at in [np.flatnonzero(one.clear)]
        ]
        self._places = np.concatenate(places)
        words = np.concatenate([one.words[one.clear] for one in self._prints])
        order = np.argsort(words, kind="stable")
        self._words, self._places = words[order], self._places[order]
        self._sorted = len(self._prints)

    def _candidates(self, query: Fingerprint) -> list[tuple[int, int]]:
        """(clip, offset in frames) by votes of equal words, most votes first."""
        at = np.flatnonzero(query.clear)
        if not len(at) or not len(self._words):
            return []
        masks = (np.uint32(1) << query.weak[at].astype(np.uint32)).astype(np.uint32)
        flips = np.zeros((len(at), 1), np.uint32)
        for bit in range(WEAKEST):
            flips = np.concatenate([flips, flips ^ masks[:, bit : bit + 1]], axis=1)
        wanted = (query.words[at][:, None] ^ flips).ravel()
        left = np.searchsorted(self._words, wanted, "left")
        count = np.searchsorted(self._words, wanted, "right") - left
        count[count > _COMMON] = 0
        asked = np.repeat(np.arange(len(wanted)), count)
        start = np.repeat(left - np.concatenate([[0], np.cumsum(count)[:-1]]), count)
        hits = self._places[start + np.arange(len(asked))]
        if not len(hits):
            return []
        offset = hits[:, 1].astype(np.int64) - at[asked // flips.shape[1]]
        key = hits[:, 0].astype(np.int64) * (1 << 32) + (offset + (1 << 31))
        found, votes = np.unique(key, return_counts=True)
        top = np.argsort(-votes, kind="stable")[:_CANDIDATES]
        return [(int(k >> 32), int(k & 0xFFFFFFFF) - (1 << 31)) for k in found[top]]

    def _compare(self, query: Fingerprint, number: int, offset: int) -> FingerprintMatch | None:
        """The match of clip `number` at an offset in frames; None if it differs too much."""
        own = self._prints[number]
        first, last = max(0, offset), min(len(own), offset + len(query))
        if last - first < FEWEST:
            return None
        mine, theirs = slice(first, last), slice(first - offset, last - offset)
        clear = own.clear[mine] & query.clear[theirs]
        frames = int(clear.sum())
        if frames < FEWEST:
            return None
        differing = (own.words[mine] ^ query.words[theirs])[clear]
        ones = _ONES[differing & 0xFFFF].sum() + _ONES[differing >> 16].sum()
        errors = float(ones) / (32 * frames)
        if errors > most_errors(frames):
            return None
        return FingerprintMatch(number, errors, frames * HOP / PRINT_HZ, offset * HOP / PRINT_HZ)


def most_errors(frames: int) -> float:
    """The largest share of differing bits at which two spans of `frames` frames match."""
    return min(MOST_ERRORS, 0.5 - SIGMAS * 0.5 / math.sqrt(FREE * frames))


def _surer(one: FingerprintMatch, other: FingerprintMatch) -> bool:
    """Whether `one` is more standard deviations below one half than `other`."""
    sure, held = ((0.5 - match.errors) * math.sqrt(match.seconds) for match in (one, other))
    return sure > held


def _blocks(wave: Samples) -> Iterator[Samples]:
    """Windows (m, FRAME) of a waveform in blocks, so that long audio fits into memory."""
    if len(wave) < FRAME:
        return
    windows = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::HOP]
    for start in range(0, len(windows), _BLOCK):
        yield windows[start : start + _BLOCK]


def _energy(windows: Samples) -> NDArray[np.float64]:
    """Energy (m, BANDS) in logarithmic bands; bins at band edges are counted in part."""
    power = np.abs(np.fft.rfft(windows * _WINDOW, axis=1)) ** 2
    below = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    whole = _EDGES.astype(int)
    part = _EDGES - whole
    return np.diff(below[:, whole] * (1 - part) + below[:, whole + 1] * part, axis=1)


_NOTHING = Fingerprint(
    np.zeros(0, np.uint32), np.zeros(0, np.bool_), np.zeros((0, WEAKEST), np.uint8)
)
_ONES = np.array([number.bit_count() for number in range(1 << 16)], np.int64)
_WINDOW = np.hanning(FRAME).astype(np.float32)
_EDGES = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) * FRAME / PRINT_HZ + 0.5
