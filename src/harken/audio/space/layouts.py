"""What the channels of a scene are, by name, and how much of a direction each hears.

- ``mono``: all directions alike.
- ``stereo``: left and right, panned with constant power by how far to the left a source is.
- ``binaural``: the two ears of a spherical head (`harken.audio.space.head`).
- ``foa``, ``hoa2``: ambisonics of first and second order in the AmbiX convention: channels in the
  order ACN, normalised SN3D (Nachbar, Zotter, Deleflie, Sontacchi: "AmbiX - a suggested ambisonics
  format", Ambisonics Symposium 2011): W Y Z X, then V T R S U.
- ``array``: microphones at given positions that hear all directions alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHANNELS = {"mono": 1, "stereo": 2, "binaural": 2, "foa": 4, "hoa2": 9}
"""Channels of each layout; an array has as many as it has microphones."""

LAYOUTS = (*CHANNELS, "array")

AMBISONIC = ("foa", "hoa2")
"""Layouts whose first channel hears all directions alike: it is the scene in mono."""


def gains(layout: str, directions: Array) -> Array:
    """How much each channel hears of each direction.

    Args:
        layout: ``mono``, ``stereo``, ``foa`` or ``hoa2``.
        directions: unit vectors (front, left, up), (n, 3).

    Returns:
        (channels, n).
    """
    x, y, z = directions.T
    if layout == "mono":
        return np.ones((1, len(directions)))
    if layout == "stereo":
        angle = (1.0 + np.clip(y, -1.0, 1.0)) * (np.pi / 4)
        return np.stack([np.sin(angle), np.cos(angle)])
    first = [np.ones_like(x), y, z, x]
    if layout == "foa":
        return np.stack(first)
    root = np.sqrt(3.0)
    second = [
        root * x * y,
        root * y * z,
        1.5 * z * z - 0.5,
        root * x * z,
        root / 2 * (x * x - y * y),
    ]
    return np.stack([*first, *second])
