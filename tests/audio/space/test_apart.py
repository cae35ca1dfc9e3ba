"""Sounds taken apart by direction: where each is, and that it is heard alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.audio.space.apart import _shares, taken_apart
from harken.audio.space.place import Place

MICS = ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02), (-0.02, -0.02, 0.02))
LINE = ((0.0, 0.03, 0.0), (0.0, 0.01, 0.0), (0.0, -0.01, 0.0), (0.0, -0.03, 0.0))

HUM, WHISTLE = (100, 900), (1400, 2400)
"""Bands (Hz) of the two sounds; they do not overlap, so they can be told by their spectrum."""


def noise(folder: Path, seed: int, band: tuple[int, int], level: float) -> Clip:
    """A second of noise in a band, written to a file."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(RATE_HZ))
    hz = np.fft.rfftfreq(RATE_HZ, 1 / RATE_HZ)
    spectrum[(hz < band[0]) | (hz > band[1])] = 0
    sound = np.fft.irfft(spectrum, RATE_HZ)
    path = folder / f"{seed}.wav"
    write_wav(path, (level * sound / np.abs(sound).max()).astype(np.float32), RATE_HZ)
    return Clip(path=str(path), duration_s=1.0)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Clip]:
    folder = tmp_path_factory.mktemp("two")
    return noise(folder, 1, HUM, 0.5), noise(folder, 2, WHISTLE, 0.25)


def heard(clips: tuple[Clip, ...], places: list[Place], layout: str) -> np.ndarray:
    """The clips at their places, all from the start."""
    parts = tuple(Part(clip, path=(place,)) for clip, place in zip(clips, places, strict=True))
    return rendered(parts, layout, MICS if layout == "array" else ())


def rendered(parts: tuple[Part, ...], layout: str, mics) -> np.ndarray:
    plan = ScenePlan(parts, 1.0, gain_db=-6.0, layout=layout, mics=mics)
    return np.atleast_2d(load(Clip("plan", duration_s=1.0, plan=plan), mono=False))


def off_deg(found: np.ndarray, place: Place) -> float:
    return float(np.degrees(np.arccos(np.clip(found @ np.array(place.direction), -1, 1))))


def share_in(samples: np.ndarray, band: tuple[int, int]) -> float:
    """The share of the energy that is in a band."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[(hz >= band[0]) & (hz <= band[1])].sum() / power.sum())


@pytest.mark.parametrize(
    ("layout", "mics", "most"), [("foa", (), 2), ("hoa2", (), 2), ("array", MICS, 6)]
)
@pytest.mark.parametrize("places", [(40, -100), (180, 80), (-20, 30)])
def test_two_sounds_are_taken_apart(sounds, layout: str, mics, most: float, places) -> None:
    at = [Place(float(places[0]), 10.0, 1.5), Place(float(places[1]), -15.0, 1.5)]
    found = taken_apart(heard(sounds, at, layout), layout, mics)
    assert len(found) == 2
    assert found[0].share > found[1].share > 0.02, "the strongest first"
    assert sum(one.share for one in found) == pytest.approx(1.0, abs=1e-6)
    for one, place, band in zip(found, at, (HUM, WHISTLE), strict=True):
        assert off_deg(one.direction, place) < most
        assert share_in(one.samples, band) > 0.95
        assert len(one.samples) == RATE_HZ


@pytest.mark.parametrize(
    ("layout", "mics", "less_db"), [("foa", (), 30), ("array", MICS, 12), ("array", LINE, 12)]
)
def test_two_sounds_of_the_same_band_are_taken_apart(
    tmp_path: Path, layout: str, mics, less_db: float
) -> None:
    """Alone for a moment each; then both are in every bin, and shares of bins would mix them."""
    both = [noise(tmp_path, seed, (500, 6000), 0.4) for seed in (5, 6)]
    at = [Place(40.0, 0.0, 1.5), Place(-50.0, 0.0, 1.5)]
    parts = tuple(
        Part(replace(clip, duration_s=0.7), at_s=at_s, path=(place,))
        for clip, place, at_s in zip(both, at, (0.0, 0.3), strict=True)
    )
    found = taken_apart(rendered(parts, layout, mics), layout, mics)
    assert len(found) == 2
    for part, place in zip(parts, at, strict=True):
        alone = rendered((part,), layout, mics)[0]
        one = min(found, key=lambda own: off_deg(own.direction, place)).samples
        scale = (one @ alone) / (alone @ alone)
        rest = np.square(one - scale * alone).sum() / np.square(scale * alone).sum()
        assert 10 * np.log10(rest) < -less_db


def test_one_sound_is_one_and_as_it_was(sounds) -> None:
    place = Place(-70.0, 5.0, 2.0)
    sound = heard(sounds[:1], [place], "foa")
    (found,) = taken_apart(sound, "foa")
    assert off_deg(found.direction, place) < 0.5
    assert found.samples == pytest.approx(sound[0], rel=0.005, abs=1e-4)
    assert found.lengths[:2] == pytest.approx(1.0, abs=0.02), "nothing is reflected"


def test_sounds_close_to_each_other_are_one(sounds) -> None:
    near = [Place(10.0, 0.0, 1.5), Place(25.0, 0.0, 1.5)]
    assert len(taken_apart(heard(sounds, near, "foa"), "foa")) == 1


def test_a_quiet_sound_is_found_beside_a_loud_one(sounds, tmp_path: Path) -> None:
    quiet = noise(tmp_path, 3, WHISTLE, 0.02)
    at = [Place(40.0, 0.0, 1.5), Place(-100.0, 0.0, 1.5)]
    found = taken_apart(heard((sounds[0], quiet), at, "foa"), "foa")
    assert len(found) == 2 and found[1].share < 0.01
    assert off_deg(found[1].direction, at[1]) < 3
    assert share_in(found[1].samples, WHISTLE) > 0.9


def test_what_tells_no_direction_is_one_sound_from_nowhere(sounds) -> None:
    place = Place(40.0, 0.0, 1.5)
    sound = heard(sounds[:1], [place], "mono")
    (found,) = taken_apart(sound, "mono")
    assert not found.direction.any() and found.share == pytest.approx(1.0)
    assert found.samples == pytest.approx(sound[0], abs=1e-4)
    for still in (np.zeros((4, RATE_HZ), np.float32), np.zeros((4, 100), np.float32)):
        (found,) = taken_apart(still, "foa")
        assert not found.samples.any() and len(found.samples) == still.shape[1]
        assert found.share == 0 and np.isfinite(found.lengths).all()


@pytest.mark.parametrize(
    ("layout", "sides", "most"),
    [
        *((layout, sides, 10) for layout in ("stereo", "array")
          for sides in ((20, -45), (0, 80), (-60, 10))),
        ("binaural", (20, -45), 30), ("binaural", (45, -45), 30),
    ],
)  # fmt: skip
def test_where_only_the_side_is_told_it_is_in_front(sounds, layout: str, sides, most) -> None:
    """Both are as far to the side as they are, roughly between two ears, and nothing is behind."""
    at = [Place(float(side), 0.0, 1.5) for side in sides]
    mics = LINE if layout == "array" else ()
    parts = tuple(Part(clip, path=(place,)) for clip, place in zip(sounds, at, strict=True))
    plan = ScenePlan(parts, 1.0, gain_db=-6.0, layout=layout, mics=mics)
    sound = load(Clip("plan", duration_s=1.0, plan=plan), mono=False)
    found = taken_apart(sound, layout, mics)
    assert len(found) == 2
    for one, place, band in zip(found, at, (HUM, WHISTLE), strict=True):
        assert off_deg(one.direction, place) < most
        assert share_in(one.samples, band) > 0.75


def test_shares_of_a_bin_by_hand() -> None:
    """A quarter from the front and three quarters from the left: d = (0.25, 0.75, 0)."""
    front, left = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    vectors = np.array([[[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], np.float32)
    first, second = _shares(vectors, [front, left])
    assert first[0] == pytest.approx([0.25, 1.0, 0.5], abs=0.002)
    assert second[0] == pytest.approx([0.75, 0.0, 0.5], abs=0.002)
