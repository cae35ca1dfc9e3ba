"""Talkers by direction: their turns, and what is heard of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.audio.space.place import Place
from harken.audio.space.talkers import BESIDE_DB, TALKERS, _levels, _theirs, talkers

SPANS = {0: (0.2, 1.2), 1: (0.9, 2.0), 2: (1.7, 2.6)}
"""Talker -> from when to when; each begins before the one before has ended."""

AZIMUTHS = (10.0, 110.0, -110.0)


def recording(folder: Path, count: int, layout: str = "foa") -> np.ndarray:
    """Noise of one band for each talker, from its own direction."""
    parts = []
    for number in range(count):
        start_s, end_s = SPANS[number]
        size = round(RATE_HZ * (end_s - start_s))
        spectrum = np.fft.rfft(np.random.default_rng(number).standard_normal(size))
        hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
        spectrum[(hz < 200) | (hz > 5000)] = 0
        wave = np.fft.irfft(spectrum, size)
        path = folder / f"{number}.wav"
        write_wav(path, (0.3 * wave / np.abs(wave).max()).astype(np.float32), RATE_HZ)
        clip = Clip(path=str(path), duration_s=end_s - start_s)
        parts.append(Part(clip, at_s=start_s, path=(Place(AZIMUTHS[number], 0.0, 1.5),)))
    plan = ScenePlan(tuple(parts), 3.0, gain_db=-3.0, layout=layout)
    return np.atleast_2d(load(Clip("plan", duration_s=3.0, plan=plan), mono=False))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_who_speaks_when_and_from_where(tmp_path: Path, count: int) -> None:
    found = talkers(recording(tmp_path, count), "foa")
    assert [one.number for one in found] == list(range(1, count + 1))
    for number, one in enumerate(found):
        (turn,) = one.turns
        assert (turn.start_s, turn.end_s) == pytest.approx(SPANS[number], abs=0.05)
        there = np.array(Place(AZIMUTHS[number], 0.0, 1.5).direction)
        assert np.degrees(np.arccos(np.clip(one.direction @ there, -1, 1))) < 2
        outside = np.concatenate(
            [
                one.samples[: round((turn.start_s - 0.05) * RATE_HZ)],
                one.samples[round((turn.end_s + 0.05) * RATE_HZ) :],
            ]
        )
        inside = one.samples[round(turn.start_s * RATE_HZ) : round(turn.end_s * RATE_HZ)]
        assert np.square(outside).mean() < 1e-2 * np.square(inside).mean(), "the others are gone"


def test_so_many_talkers_at_most(tmp_path: Path) -> None:
    assert len(talkers(recording(tmp_path, 3), "foa", most=2)) == 2
    assert len(talkers(recording(tmp_path, 3), "foa", most=9)) <= TALKERS


def test_silence_has_no_talkers_and_mono_has_one(tmp_path: Path) -> None:
    assert talkers(np.zeros((4, RATE_HZ), np.float32), "foa") == []
    (one,) = talkers(recording(tmp_path, 1, "mono"), "mono")
    assert not one.direction.any() and len(one.turns) == 1


def test_levels_by_hand() -> None:
    """25 ms around every 10 ms: at the edges less of it is in the recording."""
    assert _levels(np.ones(480)).tolist() == [280, 400, 280]
    assert _levels(np.ones(1)).tolist() == [1]


def test_a_frame_is_the_loudest_ones_and_of_those_not_far_below(tmp_path: Path) -> None:
    from harken.audio.space.apart import Arrival

    def arrival(level_db: float) -> Arrival:
        samples = np.full(1600, 10 ** (level_db / 20), np.float32)
        return Arrival(samples, np.zeros(3), 0.5, np.zeros(6))

    found = _theirs([arrival(0.0), arrival(1 - BESIDE_DB), arrival(-1 - BESIDE_DB)])
    assert [bool(one.all()) for one in found] == [True, True, False]
    assert {len(one) for one in found} == {1600} and not found[2].any()
