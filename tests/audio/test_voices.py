"""Turns by voices: made voices of known pitch and resonances, at known times."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from harken.audio.voices import (
    CEPSTRA,
    DIMENSIONS,
    RATE_HZ,
    VoiceSpace,
    fit_voices,
    pieces,
    read_voices,
    voice,
    voice_turns,
)
from harken.errors import ConfigError

SPEAKERS = {"low": (105.0, 1.0), "high": (210.0, 1.16), "mid": (150.0, 0.92), "thin": (260.0, 1.3)}
"""Pitch in Hz, and what all resonances are multiplied with: the length of the vocal tract."""

VOWELS = ((300, 2300), (700, 1100), (400, 900), (500, 1500))


def spoken(speaker: str, vowel: int, seconds: float = 0.4, seed: int = 0) -> NDArray[np.float64]:
    """A vowel: pulses through two resonances."""
    pitch, scale = SPEAKERS[speaker]
    rng = np.random.default_rng([seed, vowel])
    phase = np.cumsum(np.full(round(seconds * RATE_HZ), pitch / RATE_HZ) * rng.uniform(0.97, 1.03))
    found = np.diff(np.floor(phase), prepend=0.0)
    for hz in VOWELS[vowel]:
        radius, angle = np.exp(-np.pi * 90 / RATE_HZ), 2 * np.pi * hz * scale / RATE_HZ
        found = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], found)
    found = found + 1e-4 * rng.standard_normal(len(found))
    return 0.3 * found / np.abs(found).max()


def silence(seconds: float) -> NDArray[np.float64]:
    return 1e-5 * np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))


@pytest.fixture(scope="module")
def space() -> VoiceSpace:
    made = [(name, vowel, seed) for name in SPEAKERS for vowel in range(4) for seed in range(3)]
    voices = np.array([voice(spoken(name, vowel, seed=seed)) for name, vowel, seed in made])
    return fit_voices(voices, [name for name, _, _ in made], "made")


def test_turns_are_where_they_are_and_of_whom_they_are(space: VoiceSpace) -> None:
    order = [("low", 0), ("high", 1), ("low", 2), ("mid", 3), ("high", 0)]
    parts, at, true = [silence(0.2)], 0.2, []
    for name, vowel in order:
        parts += [spoken(name, vowel, seed=7), silence(0.25)]
        true.append((at, at + 0.4))
        at += 0.65
    found = voice_turns(np.concatenate(parts), space)
    assert [turn.speaker for turn in found] == [1, 2, 1, 3, 2]
    for turn, (start, end) in zip(found, true, strict=True):
        assert abs(turn.start_s - start) < 0.03 and abs(turn.end_s - end) < 0.03


def test_a_change_of_voice_without_a_pause_is_a_new_turn(space: VoiceSpace) -> None:
    joined = [silence(0.2), spoken("low", 0, 0.5), spoken("thin", 1, 0.5), silence(0.2)]
    found = voice_turns(np.concatenate(joined), space)
    assert [turn.speaker for turn in found] == [1, 2]
    assert abs(found[0].end_s - 0.7) < 0.08
    alone = [silence(0.2), spoken("low", 0, 0.5), spoken("low", 1, 0.5), silence(0.2)]
    assert len({turn.speaker for turn in voice_turns(np.concatenate(alone), space)}) == 1


def test_speakers_are_bounded_and_pauses_that_are_short_do_not_end_a_turn(
    space: VoiceSpace,
) -> None:
    parts = [spoken("low", 0), silence(0.3), spoken("high", 1), silence(0.3), spoken("mid", 2)]
    sound = np.concatenate(parts)
    assert {turn.speaker for turn in voice_turns(sound, space)} == {1, 2, 3}
    assert {turn.speaker for turn in voice_turns(sound, space, most=1)} == {1}
    assert len(pieces(sound, 0.1)) == 3 and len(pieces(sound, 0.5)) == 1


@pytest.mark.parametrize("length", [0, 100, 16_000])
def test_nothing_is_heard_in_silence(length: int, space: VoiceSpace) -> None:
    assert voice_turns(np.zeros(length), space) == []


def test_what_has_no_pause_is_heard_whole_and_in_linear_time(space: VoiceSpace) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(60 * RATE_HZ)
    ((start, end),) = pieces(noise)
    assert start == 0 and end > len(noise) - 400
    found = voice_turns(noise, space)
    assert found[0].start_s == 0.0 and found[-1].end_s > 59.9
    low, high = (np.concatenate([spoken(n, v, 1.0) for v in (0, 2, 1, 3)]) for n in ("low", "thin"))
    joined = voice_turns(np.concatenate([low, high, low]), space)
    turned = [b.start_s for a, b in pairwise(joined) if a.speaker != b.speaker]
    assert turned == pytest.approx([4.0, 8.0], abs=0.1)


def test_a_click_is_no_turn_and_a_constant_or_a_hum_no_voice(space: VoiceSpace) -> None:
    click = np.concatenate([silence(0.5), spoken("low", 0, 0.03), silence(0.5)])
    assert pieces(click) == []
    moved = np.concatenate([silence(0.3), spoken("low", 0), silence(0.3)]) + 0.2
    ((start, end),) = pieces(moved)
    assert abs(start / RATE_HZ - 0.3) < 0.03 and abs(end / RATE_HZ - 0.7) < 0.03
    assert pieces(np.full(RATE_HZ, 0.3)) == []
    hum = voice(0.2 * np.sin(2 * np.pi * 45 * np.arange(RATE_HZ) / RATE_HZ))
    assert np.isnan(hum[0])


def test_turns_do_not_overlap_and_a_space_is_fitted_to_many_speakers_of_two(
    space: VoiceSpace,
) -> None:
    joined = np.concatenate([spoken("low", 0, 0.5), spoken("thin", 1, 0.5), silence(0.2)])
    first, second = voice_turns(joined, space)
    assert first.end_s == second.start_s
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1500, 20)).repeat(2, 0)
    many = fit_voices(
        centres + 0.1 * rng.normal(size=(3000, 20)), [f"{n // 2}" for n in range(3000)]
    )
    assert 0 <= many.error < 0.05 and np.isfinite(many.apart)


def test_a_whisper_has_no_pitch_and_a_place(space: VoiceSpace) -> None:
    whispered = voice(0.1 * np.random.default_rng(3).standard_normal(8000))
    assert np.isnan(whispered[0]) and np.isfinite(whispered[1:]).all()
    assert np.isfinite(space.placed(whispered[None])).all()


def test_pitch_is_measured(space: VoiceSpace) -> None:
    for name, (pitch, _) in SPEAKERS.items():
        assert np.exp(voice(spoken(name, 0))[0]) == pytest.approx(pitch, rel=0.05)


def test_a_space_is_written_and_read(space: VoiceSpace, tmp_path: Path) -> None:
    space.write(tmp_path / "voices.json")
    again = read_voices(tmp_path / "voices.json")
    some = np.array([voice(spoken(name, 1, seed=5)) for name in SPEAKERS])
    assert np.allclose(again.placed(some), space.placed(some), atol=1e-3)
    assert (again.about, round(again.apart, 4)) == ("made", round(space.apart, 4))
    own = read_voices()
    assert own.directions.shape == (CEPSTRA + 1, DIMENSIONS) and 0 < own.error < 0.2


def test_what_is_no_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no voices can be read"):
        read_voices(tmp_path / "none.json")
    (tmp_path / "odd.json").write_text(
        '{"mean": [0], "scale": [1], "directions": [[1]], "apart": 1, "error": 0, "about": ""}'
    )
    with pytest.raises(ConfigError, match="voices of 1 numbers"):
        read_voices(tmp_path / "odd.json")
    with pytest.raises(ConfigError, match="2 speakers with two recordings"):
        fit_voices(np.random.default_rng(0).random((5, 20)), ["a", "a", "b", "b", "c"])
