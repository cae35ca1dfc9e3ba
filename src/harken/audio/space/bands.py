"""From where the energy of a band comes: one vector for every layout, by time and frequency.

A vector (front, left, up) for each time and mel band: the mean direction of its energy, of length 1
where one source is heard without reflections, shorter where several mix, and 0 where the layout
cannot tell.

- ``foa``, ``hoa2``: the active intensity, Re(W* · (X, Y, Z)), over the energy of W: the energetic
  analysis of directional audio coding (Pulkki, "Spatial sound reproduction with directional audio
  coding", J. Audio Eng. Soc. 55, 2007). For a plane wave in SN3D it is its direction.
- ``array``: microphones at r_c hear a plane wave from u with phases 2 pi f (r_c · u) / c. The phase
  differences of all pairs give u by least squares, as long as all are nearer than half a
  wavelength; above that frequency they are unwrapped around the mean direction below it at that
  time. Microphones on a line or in a plane leave the axes across it at 0.
- ``binaural``: left only. Below 700 Hz the phase difference of the ears, by Woodworth's delay, as
  the head of harken has it (`harken.audio.space.head`); above, where phases are ambiguous, the
  difference of their levels, which grows with frequency and is taken as a share of 20 dB.
- ``stereo``: left only, from the levels, by the panning law of `harken.audio.space.layouts`.
- ``mono``: 0.

So scenes in any array, or in ambisonics, give an encoder the same input up to what the array cannot
tell, and no encoder has to be trained for an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.head import delay_s
from harken.audio.space.layouts import AMBISONIC, CHANNELS
from harken.audio.space.place import SPEED_M_S

Spectra = NDArray[np.complex64]
Floats = NDArray[np.float32]
Mics = Sequence[tuple[float, float, float]]

LEVEL_SPAN_DB = 20.0
"""A difference of the ears' levels that stands for a source at the side."""

PHASE_HZ = 700.0
"""Below it half a wavelength is longer than the way around the head."""

_NEAR = 0.9  # pairs up to this share of half a wavelength: phases near pi change their sign
_LEAST = 1e-12


def layout_of(channels: int) -> str:
    """The layout of a recording of which nothing is known but the number of its channels.

    Two channels are taken for the ears of a head, four and nine for ambisonics, others for mono.
    """
    return {2: "binaural", 4: "foa", 9: "hoa2"}.get(channels, "mono")


def directions(
    spectra: Spectra, hz: NDArray[np.float64], bank: Floats, layout: str, mics: Mics = ()
) -> Floats:
    """Mean directions of the energy (T, 3, bands).

    Args:
        spectra: short-time Fourier transform (channels, T, F).
        hz: frequencies of its bins (F,).
        bank: mel filters (bands, F).
        layout: one of `harken.audio.space.layouts.LAYOUTS`.
        mics: of an array: positions in metres (front, left, up).

    Raises:
        ValueError: another number of channels than the layout has.
    """
    require_channels(len(spectra), layout, mics)
    if layout in AMBISONIC:
        return _intensity(spectra, bank)
    power = np.square(np.abs(spectra)).astype(np.float32)
    if layout == "array":
        return _banded(_by_phases(spectra, hz, np.asarray(mics, float)), power.mean(0), bank)
    out = np.zeros((power.shape[1], 3, len(bank)), np.float32)
    if layout == "stereo":
        left, right = (one @ bank.T for one in power)
        angle = np.arctan2(np.sqrt(left), np.sqrt(right))
        out[:, 1] = np.where(left + right > _LEAST, angle * (4 / np.pi) - 1, 0.0)
    elif layout == "binaural":
        out[:, 1] = _ears(spectra, power, hz, bank)
    return out


def require_channels(count: int, layout: str, mics: Mics = ()) -> None:
    """Raise ValueError for another number of channels than a layout, or array, has."""
    expected = len(mics) if layout == "array" else CHANNELS[layout]
    if count != expected:
        raise ValueError(f"{layout} has {expected} channels, and the sound {count}")


def mean_direction(bands: Floats, energy: Floats) -> NDArray[np.float64]:
    """One vector (3,) of a clip: the bands' directions, weighted by their energy (T, bands)."""
    whole = float(energy.sum(dtype=np.float64))
    weighted = (bands * energy[:, None]).sum(axis=(0, 2), dtype=np.float64)
    found: NDArray[np.float64] = weighted / whole if whole > _LEAST else weighted * 0.0
    return found


def _intensity(spectra: Spectra, bank: Floats) -> Floats:
    """Re(W* · (X, Y, Z)) over |W|², each summed over a band."""
    w, y, z, x = spectra[:4]
    energy = np.square(np.abs(w)).astype(np.float32) @ bank.T
    flow = np.stack([(np.conj(w) * one).real.astype(np.float32) @ bank.T for one in (x, y, z)], 1)
    return _within(flow / np.maximum(energy, _LEAST)[:, None])


def _by_phases(
    spectra: Spectra, hz: NDArray[np.float64], mics: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The direction (3, T, F) by the phase differences of pairs, by least squares."""
    pairs = _pairs(mics)
    ways = np.array([mics[i] - mics[j] for i, j in pairs])
    inverse, waves = np.linalg.pinv(ways, rcond=1e-3), 2 * np.pi * hz / SPEED_M_S
    apart = np.linalg.norm(ways, axis=1)
    near = apart[:, None] < _NEAR * SPEED_M_S / (2 * np.maximum(hz, _LEAST))  # (pairs, F)
    found = np.zeros((spectra.shape[1], 3, len(hz)), np.float32)
    clear = [at for at in range(1, len(hz)) if near[:, at].all()]
    for at in clear:
        found[:, :, at] = (inverse @ _phases(spectra, pairs, at)).T / waves[at]
    found = _within(found)
    power = np.square(np.abs(spectra)).mean(0)
    weight = power[:, clear]
    mean = (found[:, :, clear] * weight[:, None]).sum(2) / np.maximum(
        weight.sum(1, keepdims=True), _LEAST
    )
    for at in range(1, len(hz)):
        if not near[:, at].all():
            off = _phases(spectra, pairs, at) - waves[at] * (mean @ ways.T).T
            off = (off + np.pi) % (2 * np.pi) - np.pi
            found[:, :, at] = mean + (inverse @ off).T / waves[at]
    return _within(found).transpose(1, 0, 2)


def _pairs(mics: NDArray[np.float64]) -> list[tuple[int, int]]:
    return list(combinations(range(len(mics)), 2))


def _phases(spectra: Spectra, pairs: list[tuple[int, int]], at: int) -> NDArray[np.float64]:
    """Phase differences (pairs, T) in one bin; 0 where nothing is heard."""
    return np.stack([np.angle(spectra[i, :, at] * np.conj(spectra[j, :, at])) for i, j in pairs])


def _banded(vectors: Floats, power: Floats, bank: Floats) -> Floats:
    """Vectors (3, T, F) averaged over bands, weighted by power (T, F)."""
    energy = np.maximum(power @ bank.T, _LEAST)
    return np.stack([((one * power) @ bank.T) / energy for one in vectors], 1).astype(np.float32)


def _ears(spectra: Spectra, power: Floats, hz: NDArray[np.float64], bank: Floats) -> Floats:
    """How far to the left (T, bands): by phase below `PHASE_HZ`, by level above."""
    low = (hz > 0) & (hz < PHASE_HZ)
    cross = spectra[0] * np.conj(spectra[1])
    delay = np.zeros(cross.shape, np.float32)
    delay[:, low] = np.angle(cross[:, low]) / (2 * np.pi * hz[low])
    sines = np.linspace(-1.0, 1.0, 361)
    angles = np.arccos(np.clip(np.stack([sines, -sines]), -1.0, 1.0))
    later = delay_s(angles[1]) - delay_s(angles[0])  # of the right ear, at each sine
    by_phase = np.interp(delay, later, sines).astype(np.float32)
    weight = power.sum(0)
    shares = bank * low[None]
    total = np.maximum(weight @ bank.T, _LEAST)
    share = (weight @ shares.T) / total
    phase = ((by_phase * weight) @ shares.T) / np.maximum(weight @ shares.T, _LEAST)
    left, right = (np.maximum(one @ bank.T, _LEAST) for one in power)
    level = np.clip(10 * np.log10(left / right) / LEVEL_SPAN_DB, -1.0, 1.0)
    found: Floats = (share * phase + (1 - share) * level).astype(np.float32)
    return found


def _within(vectors: Floats) -> Floats:
    """Vectors (…, 3, n) no longer than 1."""
    size = np.linalg.norm(vectors, axis=-2, keepdims=True)
    kept: Floats = (vectors / np.maximum(size, 1.0)).astype(np.float32)
    return kept
