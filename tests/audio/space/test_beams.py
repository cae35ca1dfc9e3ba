"""Plane waves from known directions, by inverting what the channels hear."""

from __future__ import annotations

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ
from harken.audio.space.beams import plane_waves, steering
from harken.audio.space.place import SPEED_M_S

MICS = ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02), (-0.02, -0.02, 0.02))
FRONT, LEFT = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
HZ = np.arange(257) * RATE_HZ / 512


def drawn(seed: int, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def off_db(found: np.ndarray, true: np.ndarray) -> float:
    return float(
        10 * np.log10(np.square(np.abs(found - true)).sum() / np.square(np.abs(true)).sum())
    )


def test_what_channels_hear_of_a_wave_by_hand() -> None:
    """First order in the front: W 1, Y 0, Z 0, X 1. A microphone 4 cm ahead hears it earlier."""
    columns = steering("foa", (), [FRONT, LEFT], HZ[:2])
    assert columns.shape == (2, 4, 2)
    assert columns[1].real.T.tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    pair = steering("array", ((0.0, 0, 0), (0.04, 0, 0)), [FRONT, LEFT], np.array([0.0, 1000.0]))
    assert pair[:, 0] == pytest.approx(1.0), "relative to the first"
    assert pair[1, 1] == pytest.approx([np.exp(2j * np.pi * 1000 * 0.04 / SPEED_M_S), 1.0])
    assert pair[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("layout", "mics", "from_hz"), [("foa", (), 0), ("array", MICS, 1000)])
def test_sources_at_the_same_time_in_the_same_bins_are_exact(layout, mics, from_hz: int) -> None:
    """Both are white; an array of 4 cm cannot tell waves apart that are metres long."""
    true, columns = drawn(0, 2, 40, 257), steering(layout, mics, [FRONT, LEFT], HZ)
    spectra = np.einsum("fck,ktf->ctf", columns, true)
    found = plane_waves(spectra, columns)
    clear = from_hz <= HZ
    for one, own in zip(found, true, strict=True):
        assert off_db(one[:, clear], own[:, clear]) < -35
    assert off_db(spectra[0], true[0]) > -1, "mixed"


def test_what_no_source_explains_is_shared_and_not_amplified() -> None:
    """Channels that have nothing in common, as in the reverberation of a room."""
    spectra = drawn(1, 4, 200, 257)
    found = plane_waves(spectra, steering("foa", (), [FRONT, LEFT], HZ))
    whole = np.square(np.abs(spectra[0]))
    assert np.square(np.abs(found)).sum(0) == pytest.approx(whole, rel=1e-6)
    assert np.square(np.abs(found[0])).sum() == pytest.approx(whole.sum() / 2, rel=0.05)


@pytest.mark.parametrize("size", [1, 4])
def test_silence_stays_silent(size: int) -> None:
    found = plane_waves(np.zeros((4, size, 257), complex), steering("foa", (), [FRONT], HZ))
    assert found.shape == (1, size, 257) and not found.any()
