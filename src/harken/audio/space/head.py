"""A spherical head: when and how strongly each ear hears a direction.

The model of Brown and Duda ("A structural model for binaural sound synthesis", IEEE Transactions
on Speech and Audio Processing 6, 1998): a rigid sphere of 8.75 cm radius with the ears at its
sides. The delay is Woodworth's, and the shadow of the head a filter with one pole and one zero that
depends on the angle between the direction and the ear. There are no pinnae and no torso: front and
back, and up and down, are not told apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harken.audio.space.place import SPEED_M_S

Array = NDArray[np.float64]

RADIUS_M = 0.0875
EARS = ((0.0, 1.0, 0.0), (0.0, -1.0, 0.0))
"""The directions of the left and the right ear."""

_LEAST, _ANGLE = 0.1, math.radians(150.0)
"""Where the shadow is deepest, and how deep: the constants of the paper."""


def incidence(directions: Array, ear: int) -> Array:
    """The angle (radians) between directions (n, 3) and an ear: 0 is straight into it."""
    found: Array = np.arccos(np.clip(directions @ np.array(EARS[ear]), -1.0, 1.0))
    return found


def delay_s(angle: Array) -> Array:
    """When the ear hears a direction at `angle`, in seconds, relative to the centre of the head."""
    near = -np.cos(angle)
    far = angle - math.pi / 2
    found: Array = RADIUS_M / SPEED_M_S * np.where(angle < math.pi / 2, near, far)
    return found


def shadow(angle: float, rate_hz: int) -> tuple[Array, Array]:
    """The filter of a direction at `angle`: numerator and denominator, by the bilinear transform.

    H(s) = (1 + a s / 2w) / (1 + s / 2w) with w = c / r and a between 2 (into the ear) and 0.1.
    """
    depth = (1 + _LEAST / 2) + (1 - _LEAST / 2) * math.cos(angle / _ANGLE * math.pi)
    ratio = rate_hz * RADIUS_M / SPEED_M_S
    scale = 1 + ratio
    return (
        np.array([1 + depth * ratio, 1 - depth * ratio]) / scale,
        np.array([1.0, (1 - ratio) / scale]),
    )
