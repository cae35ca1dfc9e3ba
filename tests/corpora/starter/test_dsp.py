"""The blocks of the generated corpus, against numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ
from harken.corpora.starter import dsp as dsp
from harken.corpora.starter.generate import sound_models
from harken.corpora.starter.music import MODELS, pluck


def draws(seed: int = 0) -> dsp.ParameterDraws:
    return dsp.ParameterDraws(np.random.default_rng(seed))


def strongest_hz(x: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 17))
    return float(np.fft.rfftfreq(1 << 17, 1 / RATE_HZ)[spectrum.argmax()])


def test_draws_are_recorded_and_repeatable() -> None:
    one, two = draws(), draws()
    for d in (one, two):
        d.uniform("a", 1, 2)
        d.log("b", 100, 400)
        d.whole("c", 3, 5)
        d.pick("d", ("x", "y"))
    assert one.drawn == two.drawn
    assert list(one.drawn) == ["a", "b", "c", "d"]
    assert 100 <= one.drawn["b"] <= 400 and one.drawn["c"] in (3, 4, 5)  # type: ignore[operator]


def test_decay_falls_by_60_db_in_its_t60() -> None:
    x = dsp.decay(RATE_HZ, t60_s=0.5, attack_s=0.0)
    assert x[RATE_HZ // 2] == pytest.approx(1e-3, rel=1e-6)


def test_a_mode_rings_at_its_pitch_and_dies_in_its_t60() -> None:
    x = dsp.modes(RATE_HZ, (500.0,), (0.4,), (1.0,))
    assert strongest_hz(x) == pytest.approx(500, abs=2)
    late = int(0.4 * RATE_HZ)
    early = np.abs(x[:64]).max()
    assert np.abs(x[late : late + 64]).max() / early == pytest.approx(1e-3, rel=0.15)


def test_pulses_have_flat_harmonics_and_no_offset() -> None:
    x = dsp.pulses(200.0, RATE_HZ)
    power = np.abs(np.fft.rfft(x)) / RATE_HZ * 2
    # M = 2 * 38 + 1 = 77 partials share the amplitude: each harmonic has 2 / 77.
    assert power[[200, 400, 3000, 7000]] == pytest.approx(2 / 77, rel=0.02)
    assert abs(x.mean()) < 1e-3


def test_formants_have_unit_gain_at_zero_hz() -> None:
    out = dsp.formants(np.ones(4000), (500.0, 1500.0), (80.0, 120.0))
    assert out[-1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_falls_by_its_slope(slope: float) -> None:
    x = dsp.noise(np.random.default_rng(0), 1 << 17, slope)
    power = np.abs(np.fft.rfft(x)) ** 2
    hz = np.fft.rfftfreq(len(x), 1 / RATE_HZ)
    octave = [power[(hz > low) & (hz < 2 * low)].mean() for low in (200, 1600)]
    # Three octaves: 3.01 dB * slope each.
    assert 10 * np.log10(octave[0] / octave[1]) == pytest.approx(9.03 * slope, abs=0.5)


def test_overlay_cuts_what_exceeds_the_end() -> None:
    out = dsp.overlay(8, (0.0, 6 / RATE_HZ, 1.0), [np.ones(2), np.ones(5), np.ones(1)])
    assert out.tolist() == [1, 1, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("pitch_hz", [82.4, 196.0, 440.0, 659.3])
def test_a_plucked_string_is_in_tune(pitch_hz: float) -> None:
    x = pluck(draws(), pitch_hz, RATE_HZ, bright=0.5, t60_s=2.0)
    lags = np.arange(int(0.6 * RATE_HZ / pitch_hz), int(1.5 * RATE_HZ / pitch_hz))
    spectrum = np.abs(np.fft.rfft(x, 1 << 17)) ** 2
    near = np.fft.rfftfreq(1 << 17, 1 / RATE_HZ)
    window = (near > 0.9 * pitch_hz) & (near < 1.1 * pitch_hz)
    found = near[window][spectrum[window].argmax()]
    assert len(lags) and abs(1200 * np.log2(found / pitch_hz)) < 12  # cents


@pytest.mark.parametrize("label", [*sound_models(), *MODELS])
def test_every_model_gives_finite_sound_that_varies_with_its_draws(label: str) -> None:
    model = {**sound_models(), **MODELS}[label]
    n = RATE_HZ * 3 // 2
    clips = [model(draws(seed), n)[:n] for seed in (1, 1, 2)]
    for clip in clips:
        assert clip.ndim == 1 and 0 < len(clip) <= n
        assert np.all(np.isfinite(clip)) and np.abs(clip).max() > 1e-4
    assert np.array_equal(clips[0], clips[1])
    assert not np.array_equal(clips[0], clips[2])
    drawn = draws(1)
    model(drawn, n)
    assert len(drawn.drawn) >= 2


@pytest.mark.parametrize("n", [RATE_HZ, RATE_HZ * 12 // 5])
def test_models_accept_the_shortest_and_longest_clips(n: int) -> None:
    for model in {**sound_models(), **MODELS}.values():
        assert np.all(np.isfinite(model(draws(9), n)))
