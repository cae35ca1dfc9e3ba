"""Sounds that come from different directions, taken apart: each alone in mono, and from where.

The energy of every bin of a short-time Fourier transform comes from one vector d, no longer than 1
(`harken.audio.space.bands`). Sources are the peaks on the sphere of the loudness of bins (energy to
the power of 0.3, so that a quiet sound is found beside a loud one), weighted by the length of d to
the fourth, since a bin in which one source is heard alone has length 1. With the directions known,
ambisonics and arrays of more channels than sources are inverted (`harken.audio.space.beams`).

Elsewhere the vectors tell the shares too. Intensity is additive where sources do not interfere:
sources from u_1, …, u_K with shares s_k of a bin's energy give d = Σ s_k u_k, so the shares are the
solution of these equations with Σ s_k = 1, and a source is what is heard times the root of its
share (parametric separation as in directional audio coding: Pulkki, "Spatial sound reproduction
with directional audio coding", J. Audio Eng. Soc. 55, 2007). Departure: shares are by least squares
and cut to 0 … 1, not by a diffuse remainder.

Two ears, stereo and microphones on a line tell one coordinate of the direction, not its length: the
rest is taken to be in front, as people do, so that sounds are taken apart by how far to the side
they are. Where nothing tells a direction, as in mono, all that is heard is one source from nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ
from harken.audio.space.bands import directions
from harken.audio.space.beams import plane_waves, steering
from harken.audio.space.layouts import AMBISONIC

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

WINDOW, HOP = 512, 128
"""Samples of a frame at 16 kHz, and between frames: 32 and 8 ms."""

OCTAVES_HZ = (0, 250, 500, 1000, 2000, 4000, 8001)
"""Limits of the bands in which the length of vectors is told."""

GRID = 600
"""Directions of the sphere among which peaks are looked for: about 8 degrees apart."""

SHARPNESS = 25.0
"""Of the kernel exp(κ (cos θ - 1)) around a direction: half its height at 13.5 degrees."""

APART_DEG = 30.0
"""Sources that are nearer to each other are one."""

LEAST = 0.005
"""Share of the weight of all bins that is around a second source at least."""

LOUDNESS = 0.3
"""Loudness grows with the power 0.3 of the energy (Stevens 1955)."""

_BINS = 6000  # the strongest bins of a clip decide where sources are
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sound, and from where it comes.

    Attributes:
        samples: in mono (n,).
        direction: unit vector (front, left, up); zeros where nothing tells it.
        share: of the energy of all sounds of the clip.
        lengths: mean length of the energy's vectors by octave (see `OCTAVES_HZ`), weighted by the
            source's energy: 1 where nothing is reflected and nothing else heard, and where the
            layout tells one coordinate only.
        direct: by frame (every `HOP` samples), the energy of bins that come from its direction: of
            the sound itself, and little of what others leave in it or a room reflects.
    """

    samples: Floats
    direction: Doubles
    share: float
    lengths: Doubles
    direct: Doubles


def taken_apart(
    sound: Floats, layout: str, mics: Sequence[tuple[float, float, float]] = (), most: int = 2
) -> list[Arrival]:
    """The sounds of a recording by the direction they come from, the strongest first.

    Args:
        sound: (channels, n) at 16 kHz.
        layout: one of `harken.audio.space.layouts.LAYOUTS`.
        mics: of an array: positions in metres (front, left, up).
        most: so many sounds at most, up to three: more shares do not follow from a vector.

    Returns:
        At least one.

    Raises:
        ValueError: another number of channels than the layout has.
    """
    from scipy.signal import istft, stft

    size = sound.shape[1]
    padded = np.pad(sound, ((0, 0), (0, max(0, WINDOW - size))))
    hz, _, parts = stft(padded, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    spectra = parts.transpose(0, 2, 1).astype(np.complex64)  # (channels, T, F)
    vectors = directions(spectra, hz, _smoothing(len(hz)), layout, mics).transpose(0, 2, 1)
    if (line := _line(layout, mics)) is not None:
        vectors = _in_front(vectors, line)
    heard = spectra[0] if layout in AMBISONIC or layout == "array" else spectra.mean(0)
    energy = np.square(np.abs(heard)).astype(np.float64)
    length = np.linalg.norm(vectors, axis=-1)
    found = _sources(vectors, energy**LOUDNESS * length**4, most)
    if (layout in AMBISONIC or layout == "array") and found[0].any() and len(found) < len(sound):
        each = plane_waves(spectra, steering(layout, mics, found, hz))
    else:
        each = heard * np.sqrt(_shares(vectors, found))
    powers = np.square(np.abs(each)).astype(np.float64)
    whole = float(powers.sum()) or 1.0
    arrivals = []
    for source, alone, own in zip(found, each, powers, strict=True):
        _, sounding = istft(alone.T, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
        samples = np.asarray(sounding[:size], np.float32)
        direct = (energy * _from(source, vectors, length)).sum(-1)
        arrivals.append(
            Arrival(samples, source, float(own.sum()) / whole, _by_octave(length, own, hz), direct)
        )
    return sorted(arrivals, key=lambda one: -one.share)


def _from(source: Doubles, vectors: Floats, length: Doubles) -> Doubles:
    """How much of a bin (T, F) is from a direction: 1 where it alone is heard, and from nowhere."""
    if not source.any():
        return np.ones_like(length)
    near = vectors @ source / np.maximum(length, _TINY)
    whole: Doubles = length**4 * np.exp(SHARPNESS * (near - 1))
    return whole


def _line(layout: str, mics: Sequence[tuple[float, float, float]]) -> Doubles | None:
    """The axis (3,) along which alone a layout tells directions; None of others."""
    if layout in ("stereo", "binaural"):
        return np.array([0.0, 1.0, 0.0])
    if layout != "array" or len(mics) < 2:
        return None
    _, spread, axes = np.linalg.svd(np.asarray(mics, float) - np.mean(mics, 0))
    return axes[0] if spread[1:].max(initial=0.0) < 1e-3 * spread[0] else None


def _in_front(vectors: Floats, line: Doubles) -> Floats:
    """Unit vectors (T, F, 3) with the same coordinate on a line, in the half plane in front."""
    front = np.array([1.0, 0.0, 0.0]) - line[0] * line
    if np.linalg.norm(front) < 1e-6:  # the line points to the front: its side is the left
        front = np.array([0.0, 1.0, 0.0])
    front /= np.linalg.norm(front)
    along = np.clip(vectors @ line, -1.0, 1.0)[..., None]
    found: Floats = (along * line + np.sqrt(1.0 - along**2) * front).astype(np.float32)
    return found


@lru_cache(maxsize=1)
def _smoothing(bins: int) -> Floats:
    """Each bin with half of its neighbours: cross terms of sources in one bin cancel in part."""
    own = np.eye(bins) + 0.5 * (np.eye(bins, k=1) + np.eye(bins, k=-1))
    return own.astype(np.float32)


@lru_cache(maxsize=4)
def sphere(count: int = GRID) -> Doubles:
    """Unit vectors (count, 3), evenly spread over all directions (Fibonacci lattice)."""
    at = np.arange(count) + 0.5
    up, turn = 1 - 2 * at / count, np.pi * (1 + 5**0.5) * at
    level = np.sqrt(1 - up**2)
    return np.stack([level * np.cos(turn), level * np.sin(turn), up], 1)


@lru_cache(maxsize=1)
def _kernel() -> Doubles:
    """How near the directions of the grid are to each other (GRID, GRID)."""
    near: Doubles = np.exp(SHARPNESS * (sphere() @ sphere().T - 1))
    return near


def _sources(vectors: Floats, weights: Doubles, most: int) -> list[Doubles]:
    """Directions of the sources, by the weight (T, F) of bins around them."""
    weight = weights.ravel()
    at = np.argsort(-weight, kind="stable")[:_BINS]
    weight = weight[at]
    if weight.sum() <= _TINY:
        return [np.zeros(3)]
    units = vectors.reshape(-1, 3)[at].astype(np.float64)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), _TINY)
    nearest = np.argmax(units @ sphere().T, 1)
    found: list[Doubles] = []
    left, whole = weight.copy(), float(weight.sum())
    for _ in range(most):
        score = np.bincount(nearest, left, GRID) @ _kernel()
        for one in found:
            score[sphere() @ one > np.cos(np.radians(APART_DEG))] = 0.0
        peak = sphere()[int(np.argmax(score))]
        for _ in range(3):  # mean shift: the peak itself lies between points of the grid
            around = left * np.exp(SHARPNESS * (units @ peak - 1))
            mean = around @ units
            peak = mean / max(float(np.linalg.norm(mean)), _TINY)
        if found and (around.sum() < LEAST * whole or _within_reach(peak, found)):
            break
        found.append(peak)
        left = left * (1 - np.exp(SHARPNESS / 4 * (units @ peak - 1)))
    return found


def _within_reach(peak: Doubles, found: Sequence[Doubles]) -> bool:
    return any(float(peak @ one) > np.cos(np.radians(APART_DEG)) for one in found)


def _shares(vectors: Floats, found: Sequence[Doubles]) -> Doubles:
    """The share (K, T, F) of each source in each bin; they sum to 1."""
    rows = np.concatenate([np.stack(found, 1), np.ones((1, len(found)))])  # (4, K)
    known = np.concatenate([vectors, np.ones((*vectors.shape[:2], 1))], -1)
    shares = np.clip(known @ np.linalg.pinv(rows).T, 0.0, 1.0) + 1e-4
    even: Doubles = (shares / shares.sum(-1, keepdims=True)).transpose(2, 0, 1)
    return even


def _by_octave(length: Floats, energy: Doubles, hz: Doubles) -> Doubles:
    found = []
    for low, high in pairwise(OCTAVES_HZ):
        here = (hz >= low) & (hz < high)
        own = energy[:, here]
        found.append(float((length[:, here] * own).sum() / max(float(own.sum()), _TINY)))
    return np.array(found)
