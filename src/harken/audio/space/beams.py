"""What plane waves from known directions carry, by ambisonics or an array of microphones.

In each bin the channels are x = A s + n, where the column of A for a source is what the channels
hear of a plane wave from its direction (`steering`). Least squares, s = (A^H A + λ I)^-1 A^H x, has
every source with the others removed, to the last digit where nothing is reflected: the maximum
likelihood estimate in white noise (Van Trees, "Optimum Array Processing", 2002, section 6.2; in
first order with two sources a bin: Berge and Barrett, "High angular resolution planewave
expansion", Ambisonics Symposium 2010).

In a room the channels hold what no source explains, and the same inverse amplifies it. What is left
over, |x - A s|² / |x|², tells how much that is: as it grows to `ROOM`, the estimate gives way to
the omnidirectional signal times the root of the source's share of |s|².
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.layouts import AMBISONIC, gains
from harken.audio.space.place import SPEED_M_S

Doubles = NDArray[np.float64]
Complexes = NDArray[np.complexfloating]

NOISE, SHARED = 1e-3, 1e-2
"""λ for each channel: of the estimate, and of the powers that are shares."""

ROOM = 0.03
"""Share of the energy that no source explains, above which nothing is inverted."""

_AROUND = 5  # frames and bins over which it is averaged
_TINY = 1e-15


def steering(
    layout: str,
    mics: Sequence[tuple[float, float, float]],
    found: Sequence[Doubles],
    hz: Doubles,
) -> Complexes:
    """What the channels hear of plane waves, relative to what the first one hears.

    Args:
        layout: ``foa``, ``hoa2`` or ``array``.
        mics: of an array: positions in metres (front, left, up).
        found: unit vectors of K directions.
        hz: frequencies (F,).

    Returns:
        (F, channels, K).
    """
    directions = np.stack(found)
    if layout in AMBISONIC:
        same = gains(layout, directions).astype(complex)
        return np.broadcast_to(same, (len(hz), *same.shape))
    earlier = (np.asarray(mics, float) - mics[0]) @ directions.T / SPEED_M_S
    waves: Complexes = np.exp(2j * np.pi * hz[:, None, None] * earlier)
    return waves


def plane_waves(spectra: Complexes, columns: Complexes) -> Complexes:
    """What each source carries, as the first channel hears it.

    Args:
        spectra: short-time Fourier transform (channels, T, F).
        columns: what `steering` gives (F, channels, K); K is less than the number of channels.

    Returns:
        (K, T, F).
    """
    from scipy.ndimage import uniform_filter

    alone = _by_least_squares(spectra, columns, NOISE)
    power = np.square(np.abs(_by_least_squares(spectra, columns, SHARED))) + _TINY
    shared = spectra[0] * np.sqrt(power / power.sum(0))
    rest = np.square(np.abs(spectra - np.einsum("fck,ktf->ctf", columns, alone))).sum(0)
    whole = np.square(np.abs(spectra)).sum(0)
    rest, whole = (uniform_filter(one.astype(np.float64), _AROUND) for one in (rest, whole))
    room = np.clip(rest / np.maximum(whole, _TINY) / ROOM, 0.0, 1.0)
    carried: Complexes = (1 - room) * alone + room * shared
    return carried


def _by_least_squares(spectra: Complexes, columns: Complexes, noise: float) -> Complexes:
    back = columns.conj().transpose(0, 2, 1)
    square = back @ columns + noise * columns.shape[1] * np.eye(columns.shape[2])
    solved: Complexes = np.einsum("fkc,ctf->ktf", np.linalg.solve(square, back), spectra)
    return solved
