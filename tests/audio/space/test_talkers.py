"""Talkers by direction: their turns, and what is heard of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.audio.space.decay import absorption_for
from harken.audio.space.place import Place, Room
from harken.audio.space.talkers import BESIDE_DB, TALKERS, _speak, talkers
from harken.audio.voices import QUIET_DB

SPANS = {0: (0.2, 1.2), 1: (0.9, 2.0), 2: (1.7, 2.6)}
"""Talker -> from when to when; each begins before the one before has ended."""

AZIMUTHS = (10.0, 110.0, -110.0)


def recording(
    folder: Path, count: int, layout: str = "foa", room: Room | None = None, spans=SPANS
) -> np.ndarray:
    """Noise of one band for each talker, from its own direction."""
    parts = []
    for number in range(count):
        start_s, end_s = spans[number]
        size = round(RATE_HZ * (end_s - start_s))
        spectrum = np.fft.rfft(np.random.default_rng(number).standard_normal(size))
        hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
        spectrum[(hz < 200) | (hz > 5000)] = 0
        wave = np.fft.irfft(spectrum, size)
        path = folder / f"{number}.wav"
        write_wav(path, (0.3 * wave / np.abs(wave).max()).astype(np.float32), RATE_HZ)
        clip = Clip(path=str(path), duration_s=end_s - start_s)
        parts.append(Part(clip, at_s=start_s, path=(Place(AZIMUTHS[number], 0.0, 1.5),)))
    plan = ScenePlan(tuple(parts), 3.0, gain_db=-3.0, layout=layout, room=room)
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


def test_a_frame_is_the_loudest_ones_and_of_those_not_far_below() -> None:
    """By hand: 0 dB, and just within and just beyond what is heard beside it."""
    levels = np.array([[1.0], [10 ** ((1 - BESIDE_DB) / 10)], [10 ** ((-1 - BESIDE_DB) / 10)]])
    assert _speak(levels)[:, 0].tolist() == [True, True, False]
    assert not _speak(np.zeros((2, 3))).any(), "silence is nobody's"
    falling = np.array([[1.0, 10 ** ((1 - QUIET_DB) / 10), 10 ** ((-1 - QUIET_DB) / 10)]])
    assert _speak(falling)[0].tolist() == [True, True, False], "alone, down to its own quiet"


def test_a_room_leaves_the_turns_of_others_out(tmp_path: Path) -> None:
    """Each sound holds much of the other there, and more turns were found in its echoes."""
    size, at = (6.0, 5.0, 3.0), (2.9, 2.4, 1.5)
    wall = absorption_for(Place(0.0, 0.0, 1.5), size, at, 0.3, RATE_HZ)
    spans = {0: (0.2, 0.9), 1: (1.2, 2.0)}
    sound = recording(tmp_path, 2, room=Room(size, at, wall, 0.3), spans=spans)
    found = talkers(sound, "foa", most=2)
    assert [len(one.turns) for one in found] == [1, 1]
    for number, one in enumerate(found):
        (turn,) = one.turns
        assert turn.start_s == pytest.approx(spans[number][0], abs=0.06)
        assert turn.end_s == pytest.approx(spans[number][1], abs=0.25), "with its echo"
