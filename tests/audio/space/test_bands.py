"""Directions of bands: the source's own, in ambisonics, in arrays, and between two ears."""

from __future__ import annotations

import numpy as np
import pytest
from test_responses import heard, hiss

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.space.bands import directions, layout_of, mean_direction
from harken.audio.space.layouts import CHANNELS
from harken.audio.space.place import Place
from harken.models.composed.log_mel import MelSettings, mel_bank, spectra

__all__ = ["hiss"]  # a fixture

MEL = MelSettings()
HZ = np.linspace(0.0, RATE_HZ / 2, MEL.size // 2 + 1)
TETRAHEDRON = ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02), (-0.02, -0.02, 0.02))
UNEVEN = (
    (0.0, 0.0, 0.0),
    (0.05, 0.01, 0.0),
    (-0.02, 0.04, 0.01),
    (0.0, -0.03, 0.04),
    (0.03, 0.0, -0.05),
)
PLANE = ((0.03, 0.0, 0.0), (-0.03, 0.0, 0.0), (0.0, 0.03, 0.0), (0.0, -0.03, 0.0))
PLACES = [(0, 0), (40, 20), (-135, -40), (180, 5), (90, 60)]


def told(sound: np.ndarray, layout: str, mics=()) -> np.ndarray:
    """The mean direction of a scene."""
    parts = spectra(sound.astype(np.float32), MEL)
    bands = directions(parts, HZ, mel_bank(MEL), layout, mics)
    energy = np.square(np.abs(parts)).mean(0).astype(np.float32) @ mel_bank(MEL).T
    assert bands.shape == (len(parts[0]), 3, MEL.bins)
    assert np.linalg.norm(bands, axis=1).max() <= 1 + 1e-5
    return mean_direction(bands, energy)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The angle between two vectors, in degrees."""
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("layout", "mics", "most"),
    [("foa", (), 0.5), ("hoa2", (), 0.5), ("array", TETRAHEDRON, 3.0), ("array", UNEVEN, 5.0)],
)
def test_a_source_is_where_it_is(hiss: Clip, layout: str, mics, most: float, place) -> None:
    found = told(heard(hiss, layout, Place(*place, 2.0), mics=mics), layout, mics)
    assert apart(found, np.array(Place(*place).direction)) < most


def test_an_array_in_a_plane_tells_nothing_across_it(hiss: Clip) -> None:
    """In the plane it is right; above and below are not told apart, and up stays 0."""
    above, below = (
        told(heard(hiss, "array", Place(30, tilt, 2.0), mics=PLANE), "array", PLANE)
        for tilt in (40, -40)
    )
    assert above[2] == pytest.approx(0.0, abs=1e-3) and apart(above, below) < 3.0
    assert np.degrees(np.arctan2(above[1], above[0])) == pytest.approx(30, abs=3)


def test_two_ears_tell_left_from_right_in_order(hiss: Clip) -> None:
    lefts = [
        told(heard(hiss, "binaural", Place(azimuth, 0, 2.0)), "binaural")[1]
        for azimuth in (-60, -45, -20, 0, 20, 45, 60)
    ]
    assert lefts == sorted(lefts) and lefts[3] == pytest.approx(0.0, abs=0.02)
    assert lefts[0] == pytest.approx(-lefts[-1], abs=0.05) and lefts[-1] > 0.5
    # At the side the far ear is in the bright spot behind the head: the levels differ less there.
    assert told(heard(hiss, "binaural", Place(90, 0, 2.0)), "binaural")[1] > 0.5


def test_panned_stereo_is_read_by_the_law_it_was_panned_by(hiss: Clip) -> None:
    for azimuth in (-90, -30, 0, 60):
        found = told(heard(hiss, "stereo", Place(azimuth, 0, 2.0)), "stereo")
        assert found == pytest.approx([0, np.sin(np.radians(azimuth)), 0], abs=1e-2)


def test_silence_and_one_channel_come_from_nowhere(hiss: Clip) -> None:
    assert told(np.zeros((4, 8000)), "foa").tolist() == [0, 0, 0]
    assert told(np.zeros((4, 8000)), "array", TETRAHEDRON).tolist() == [0, 0, 0]
    assert told(heard(hiss, "mono", Place(90, 0, 2.0)), "mono").tolist() == [0, 0, 0]


def test_two_equal_sources_on_opposite_sides_cancel(hiss: Clip) -> None:
    one = heard(hiss, "foa", Place(90, 0, 2.0))
    other = np.roll(heard(hiss, "foa", Place(-90, 0, 2.0)), 4001, axis=1)
    assert np.linalg.norm(told(one + other, "foa")) < 0.2 < np.linalg.norm(told(one, "foa"))


def test_the_layout_of_a_recording_is_guessed_from_its_channels() -> None:
    for name in ("mono", "binaural", "foa", "hoa2"):
        assert layout_of(CHANNELS[name]) == name
    assert layout_of(5) == "mono"
    with pytest.raises(ValueError, match="foa has 4 channels, and the sound 2"):
        directions(np.zeros((2, 3, 513), np.complex64), HZ, mel_bank(MEL), "foa")
