"""Building blocks of the starter corpus: named draws, sources, filters, reverberation.

Conventions: everything is mono float64 at `RATE_HZ`, shape (n,); frequencies are Hz, times are
seconds, levels are dB. No block has state or uses a global random generator: randomness comes from
the generator passed in, so a clip is a pure function of its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from harken.audio.clip import RATE_HZ

Array = NDArray[np.float64]
Value = float | int | str


class ParameterDraws:
    """Random parameters by name: the drawn values are stored as the clip's plan.

    Floats are rounded to four decimals before use, so that the plan in the manifest has exactly the
    values that were synthesised.

    Attributes:
        rng: for unnamed randomness (noise samples, jitter).
        drawn: name -> value, in the order of drawing.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """No parameter is drawn yet."""
        self.rng = rng
        self.drawn: dict[str, Value] = {}

    def uniform(self, name: str, low: float, high: float) -> float:
        """A float, every value between `low` and `high` equally likely."""
        value = round(float(self.rng.uniform(low, high)), 4)
        self.drawn[name] = value
        return value

    def log(self, name: str, low: float, high: float) -> float:
        """A float, every octave between `low` and `high` equally likely (pitches, rates)."""
        value = round(float(low * (high / low) ** self.rng.random()), 4)
        self.drawn[name] = value
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        value = int(self.rng.integers(low, high + 1))
        self.drawn[name] = value
        return value

    def pick(self, name: str, options: Sequence[str]) -> str:
        """One of `options`, all equally likely."""
        value = options[int(self.rng.integers(len(options)))]
        self.drawn[name] = value
        return value


Sound = Callable[[ParameterDraws, int], Array]
"""Signature of all sound and instrument models: (draws, n) -> at most n samples."""


def samples(duration_s: float) -> int:
    """Seconds as a number of samples, at least one."""
    return max(1, round(duration_s * RATE_HZ))


def seconds(n: int) -> Array:
    """The time of each of `n` samples."""
    return np.arange(n) / RATE_HZ


def curve(n: int, *points: tuple[float, float]) -> Array:
    """Straight lines through (place, value), where place runs from 0 to 1 over `n` samples."""
    places, values = zip(*points, strict=True)
    return np.asarray(np.interp(np.linspace(0.0, 1.0, n), places, values))


def decay(n: int, t60_s: float, attack_s: float = 0.001) -> Array:
    """Exponential decay by 60 dB in `t60_s`, after a straight attack."""
    t = seconds(n)
    return np.asarray(np.minimum(1.0, t / max(attack_s, 1e-5)) * 10.0 ** (-3.0 * t / t60_s))


def swell(n: int, rise: float = 0.2, fall: float = 0.4) -> Array:
    """A raised-cosine hump: `rise` and `fall` are shares of its length."""
    x = np.linspace(0.0, 1.0, n)
    up = np.clip(x / max(rise, 1e-4), 0.0, 1.0)
    down = np.clip((1.0 - x) / max(fall, 1e-4), 0.0, 1.0)
    return np.asarray(0.25 * (1 - np.cos(np.pi * up)) * (1 - np.cos(np.pi * down)))


def wander(rng: np.random.Generator, n: int, rate_hz: float, low: float, high: float) -> Array:
    """A smooth random walk between `low` and `high`: cubic-smoothed points, `rate_hz` a second."""
    count = max(4, int(n / RATE_HZ * rate_hz) + 3)
    place = np.linspace(0.0, count - 1.001, n)
    left = place.astype(int)
    mix = place - left
    mix = mix * mix * (3 - 2 * mix)
    values = rng.uniform(low, high, count + 1)
    return np.asarray(values[left] * (1 - mix) + values[left + 1] * mix)


def noise(rng: np.random.Generator, n: int, slope: float = 0.0) -> Array:
    """Gaussian noise of unit variance whose power falls as f ** -slope (0 white, 1 pink, 2 brown).

    Below 20 Hz the spectrum is flat, so that brown noise does not drift.
    """
    white = rng.standard_normal(n)
    if slope == 0.0:
        return white
    size = 1 << (n - 1).bit_length()
    spectrum = np.fft.rfft(white, size)
    freqs = np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 20.0)
    shaped = np.fft.irfft(spectrum * freqs ** (-slope / 2), size)[:n]
    return np.asarray(shaped / (np.std(shaped) + 1e-12))


def band(x: Array, low_hz: float = 0.0, high_hz: float = RATE_HZ, order: int = 2) -> Array:
    """Butterworth band pass; a low pass if `low_hz` is 0, a high pass if `high_hz` is Nyquist."""
    top = RATE_HZ / 2
    if high_hz >= 0.98 * top:
        sos = signal.butter(order, max(low_hz, 5.0), "highpass", fs=RATE_HZ, output="sos")
    elif low_hz <= 0:
        sos = signal.butter(order, high_hz, "lowpass", fs=RATE_HZ, output="sos")
    else:
        sos = signal.butter(order, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sos, x))


def tilt(x: Array, pole: float = 0.9) -> Array:
    """One-pole low pass y[t] = (1 - p) x[t] + p y[t-1]: -6 dB an octave above its corner."""
    return np.asarray(signal.lfilter([1.0 - pole], [1.0, -pole], x))


def formants(x: Array, freqs_hz: Sequence[float], widths_hz: Sequence[float]) -> Array:
    """A cascade of two-pole resonators of unit gain at 0 Hz (Klatt 1980, eqs. 1-2).

    y[t] = A x[t] + B y[t-1] + C y[t-2] with C = -exp(-2 pi w / R),
    B = 2 exp(-pi w / R) cos(2 pi f / R), A = 1 - B - C.
    """
    for freq, width in zip(freqs_hz, widths_hz, strict=True):
        radius = np.exp(-np.pi * width / RATE_HZ)
        b = 2 * radius * np.cos(2 * np.pi * min(freq, 7600.0) / RATE_HZ)
        c = -radius * radius
        x = signal.lfilter([1 - b - c], [1.0, -b, -c], x)
    return np.asarray(x)


def peak(x: Array, freq_hz: float, width_hz: float) -> Array:
    """One resonance alone (zero at 0 Hz and Nyquist), of unit gain at `freq_hz`."""
    b, a = signal.iirpeak(freq_hz, max(freq_hz / width_hz, 0.5), fs=RATE_HZ)
    return np.asarray(signal.lfilter(b, a, x))


def sine(freq_hz: Array | float, n: int, phase: float = 0.0) -> Array:
    """A sine whose frequency may move: sin(2 pi cumsum(f) / R)."""
    path = np.broadcast_to(np.asarray(freq_hz, dtype=np.float64), (n,))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(path) / RATE_HZ + phase))


def tones(freq_hz: Array | float, n: int, gains: Sequence[float]) -> Array:
    """Harmonics 1, 2, … of a moving pitch with fixed gains; those above Nyquist are left out."""
    path = np.broadcast_to(np.asarray(freq_hz, dtype=np.float64), (n,))
    phase = 2 * np.pi * np.cumsum(path) / RATE_HZ
    out = np.zeros(n)
    for k, gain in enumerate(gains, start=1):
        if k * float(path.max()) < 0.48 * RATE_HZ and gain:
            out += gain * np.sin(k * phase)
    return out


def pulses(freq_hz: Array | float, n: int) -> Array:
    """Band-limited impulse train sin(pi M p) / (M sin(pi p)) - 1 / M (Stilson & Smith 1996).

    p is the phase in periods, M = 2 K + 1 with K harmonics under Nyquist at the highest pitch.
    """
    path = np.broadcast_to(np.asarray(freq_hz, dtype=np.float64), (n,))
    m = 2 * max(1, int(0.48 * RATE_HZ / float(path.max()))) + 1
    angle = np.pi * np.cumsum(path) / RATE_HZ
    below = m * np.sin(angle)
    safe = np.abs(below) > 1e-6
    ratio = np.sin(m * angle) / np.where(safe, below, 1.0)
    return np.asarray(np.where(safe, ratio, 1.0) - 1.0 / m)


def modes(
    n: int, freqs_hz: Sequence[float], t60s: Sequence[float], gains: Sequence[float]
) -> Array:
    """A struck body as a sum of damped sines, sum_k g_k exp(-d_k t) sin(2 pi f_k t).

    Modal synthesis after van den Doel & Pai (1998); d_k = ln(1000) / t60_k.
    """
    t = seconds(n)
    out = np.zeros(n)
    for freq, t60, gain in zip(freqs_hz, t60s, gains, strict=True):
        if freq < 0.48 * RATE_HZ:
            stop = min(n, samples(1.2 * t60))
            damped = np.exp(-6.9078 * t[:stop] / t60) * np.sin(2 * np.pi * freq * t[:stop])
            out[:stop] += gain * damped
    return out


def bubble(freq_hz: float, rise: float = 0.1) -> Array:
    """A bubble in water: a damped sine of rising pitch, f(t) = f (1 + s d t).

    After van den Doel (2005): damping d = 0.13 / r + 0.0072 r ** -1.5 per second for a radius of
    r = 3 / f metres, that is 0.043 f + 0.0014 f ** 1.5; slope s = `rise`; 7 / d seconds long.
    """
    d = 0.043 * freq_hz + 0.0014 * freq_hz**1.5
    n = samples(7.0 / d)
    t = seconds(n)
    return np.asarray(np.exp(-d * t) * sine(freq_hz * (1 + rise * d * t), n))


def click(rng: np.random.Generator, low_hz: float, high_hz: float, t60_s: float) -> Array:
    """A noise burst in a band, decaying by 60 dB in `t60_s`."""
    n = samples(1.2 * t60_s)
    return band(rng.standard_normal(n) * decay(n, t60_s, 0.0003), low_hz, high_hz)


def overlay(n: int, starts_s: Sequence[float] | Array, grains: Sequence[Array]) -> Array:
    """Mix `grains` into `n` samples, one at each start; what exceeds the end is cut."""
    out = np.zeros(n)
    for start, grain in zip(starts_s, grains, strict=True):
        at = int(start * RATE_HZ)
        if 0 <= at < n:
            stop = min(n, at + len(grain))
            out[at:stop] += grain[: stop - at]
    return out


def poisson(rng: np.random.Generator, n: int, rate_hz: float) -> Array:
    """Impulses at Poisson times with heavy-tailed (log-normal) heights, as a signal (n,)."""
    count = max(1, int(rng.poisson(rate_hz * n / RATE_HZ)))
    out = np.zeros(n)
    heights = rng.lognormal(0.0, 0.8, count) * rng.choice((-1.0, 1.0), count)
    np.add.at(out, rng.integers(0, n, count), heights)
    return out


def beats(draws: ParameterDraws, n: int, rate_hz: float, jitter: float) -> Array:
    """Starts of a nearly regular rhythm within `n` samples: jitter is a share of the period."""
    count = max(1, int(n / RATE_HZ * rate_hz - 0.2) + 1)
    starts = (np.arange(count) + draws.rng.uniform(0, jitter, count)) / rate_hz
    return np.asarray(starts[starts < n / RATE_HZ - 0.03])


def unit(x: Array, level: float = 1.0) -> Array:
    """Scale to a peak of `level`; silence stays silence."""
    top = float(np.max(np.abs(x))) if len(x) else 0.0
    return x * (level / top) if top > 0 else x


def room(rng: np.random.Generator, x: Array, t60_s: float, wet: float) -> Array:
    """Add diffuse reverberation: convolution with exponentially decaying noise (Polack 1988).

    The tail is cut at the length of `x`; `wet` is the tail's RMS relative to the dry sound's.
    """
    n = samples(min(t60_s, 0.8))
    tail = tilt(rng.standard_normal(n), 0.4) * 10.0 ** (-3.0 * seconds(n) / t60_s)
    tail[: samples(0.002)] = 0.0
    late = signal.fftconvolve(x, tail)[: len(x)]
    scale = float(np.sqrt(np.mean(x * x))) / (float(np.sqrt(np.mean(late * late))) + 1e-12)
    return np.asarray(x + wet * scale * late)
