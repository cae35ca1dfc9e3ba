"""Musical instruments of the starter corpus, each playing a few notes.

An instrument is a function (draws, pitch_hz, samples, touch) -> one note; `phrase` draws a tempo
and a pentatonic tune in the instrument's range, and mixes the notes. Plucked strings follow
Karplus & Strong (1983), bars and bells modal synthesis (van den Doel & Pai 1998), winds and bows
additive synthesis with the brightness of the tone tied to its loudness (Risset & Mathews 1969).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import (
    Array,
    ParameterDraws,
    Sound,
    band,
    click,
    curve,
    decay,
    formants,
    modes,
    noise,
    overlay,
    peak,
    pulses,
    samples,
    seconds,
    sine,
    swell,
    tilt,
    tones,
    unit,
    wander,
)

Note = Callable[[ParameterDraws, float, int, float], Array]
"""(draws, pitch in Hz, samples, touch in 0..1) -> one note; a higher touch is brighter."""

PENTATONIC = (0, 2, 4, 7, 9, 12)


def phrase(note: Note, low_hz: float, high_hz: float, ring: float) -> Sound:
    """An instrument as a `Sound`: 2-7 notes of a pentatonic scale, sometimes two at once.

    Args:
        note: plays one note.
        low_hz: lowest key note.
        high_hz: highest key note.
        ring: how long a note lasts in units of the gap to the next (1: until it begins).
    """

    def play(draws: ParameterDraws, n: int) -> Array:
        key = draws.log("key_hz", low_hz, high_hz)
        gap = 1.0 / draws.uniform("notes_hz", 1.8, 4.2)
        touch = draws.uniform("touch", 0.0, 1.0)
        chord = draws.pick("chords", ("no", "no", "yes"))
        starts = np.arange(0, n / RATE_HZ - 0.12, gap)
        grains = []
        for k, _ in enumerate(starts):
            long = min(n, samples(gap * (ring if k + 1 < len(starts) else ring + 0.6)))
            step = int(draws.rng.choice(PENTATONIC))
            pitch = key * 2.0 ** (step / 12)
            sound = unit(note(draws, pitch, long, touch))
            if chord == "yes" and k % 2 == 0:
                sound = sound + unit(note(draws, pitch * 2.0 ** (7 / 12), long, touch))
            fade = min(long, samples(0.02))
            sound[-fade:] *= np.linspace(1, 0, fade)
            grains.append(sound * draws.rng.uniform(0.7, 1.0))
        return overlay(n, starts, grains)

    return play


def pluck(draws: ParameterDraws, pitch_hz: float, n: int, bright: float, t60_s: float) -> Array:
    """Karplus-Strong string: y[t] = x[t] + g (h * y)[t - N], x one period of noise.

    The loop filter h is (s, 1 - 2 s, s) followed by a linear interpolation for the fraction of N,
    so that the note is in tune; g sets a decay by 60 dB in `t60_s` at the fundamental.
    """
    period = RATE_HZ / pitch_hz
    whole = int(period - 1.0)
    part = period - 1.0 - whole
    s = 0.24 - 0.2 * bright
    loop = np.convolve([s, 1 - 2 * s, s], [1 - part, part])
    gain = 10.0 ** (-3.0 * period / RATE_HZ / t60_s)
    burst = np.zeros(n)
    m = min(n, int(period) + 1)
    burst[:m] = tilt(draws.rng.uniform(-1, 1, m), 0.75 - 0.7 * bright)
    burst[:m] -= burst[:m].mean()
    a = np.zeros(whole + len(loop))
    a[0] = 1.0
    a[whole:] -= gain * loop
    return np.asarray(signal.lfilter([1.0], a, burst))


def acoustic_guitar(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A plucked string in a wooden body (resonances near 105 and 210 Hz)."""
    string = pluck(draws, pitch_hz, n, 0.35 + 0.35 * touch, 1.8)
    return string + 0.4 * peak(string, 105, 40) + 0.4 * peak(string, 215, 60)


def bass_guitar(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A low string, plucked softly: hardly anything over 900 Hz."""
    return band(pluck(draws, pitch_hz, n, 0.1 + 0.2 * touch, 2.2), 0, 700 + 500 * touch)


def harp(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A high soft string that rings long, with a strong fundamental."""
    string = pluck(draws, pitch_hz, n, 0.05 + 0.15 * touch, 2.5)
    return unit(string) + 0.6 * tones(pitch_hz, n, (1, 0.3)) * decay(n, 1.5, 0.003)


def harpsichord(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Two bright strings an octave apart, plucked by a quill that clicks."""
    low = unit(pluck(draws, pitch_hz, n, 0.95, 1.4))
    high = unit(pluck(draws, 2 * pitch_hz, n, 0.95, 0.9))
    out = band(low + (0.3 + 0.4 * touch) * high, 250, 7900)
    quill = 0.2 * unit(click(draws.rng, 2500, 7500, 0.01))
    out[: len(quill)] += quill[:n]
    return out


def banjo(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A bright string over a skin: it decays within 0.5 s and resonates near 1 kHz."""
    string = pluck(draws, pitch_hz, n, 0.9, 0.35 + 0.3 * touch)
    return unit(string) + 0.8 * unit(peak(string, 950, 300))


def piano(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Stiff strings f_k = k f sqrt(1 + B k^2) (Fletcher 1964), two-stage decay, felt thump."""
    count = min(16, int(7400 / pitch_hz))
    k = np.arange(1, count + 1)
    freqs = k * pitch_hz * np.sqrt(1 + 0.0004 * k * k)
    gains = np.exp(-k * (0.5 - 0.25 * touch)) * np.abs(np.sin(np.pi * k / 8.3))
    fast = modes(n, list(freqs), list(0.9 / k**0.6), list(gains))
    slow = modes(n, list(freqs * 1.0006), list(3.5 / k**0.6), list(0.4 * gains))
    thump = modes(n, (110, 180), (0.08, 0.05), (0.08, 0.05))
    soft = curve(n, (0, 0), (min(1.0, 60 / n), 1), (1, 1))
    return (fast + slow) * soft + thump * float(gains.max())


def organ(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Pipes as drawbars (1/2, 1, 3/2, 2, 3, 4, 6, 8): steady, with a chiff at the start."""
    bars = np.array([0.5, 1, 1.5, 2, 3, 4, 6, 8])
    gains = np.array([0.5, 1, 0.25, 0.8, 0.5, 0.55, 0.3 * touch, 0.4 * touch])
    t = seconds(n)
    out = np.zeros(n)
    for bar, gain in zip(bars, gains, strict=True):
        if bar * pitch_hz < 7600:
            out += gain * np.sin(2 * np.pi * bar * pitch_hz * t)
    chiff = band(draws.rng.standard_normal(n) * decay(n, 0.1), 1500, 5000)
    return (out + 0.5 * chiff) * curve(n, (0, 0), (0.06, 1), (0.95, 1), (1, 0))


def accordion(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Three reeds, one tuned sharp and one flat: bright pulses that beat at 3-8 Hz."""
    beat = 2.0 + 4.0 * touch
    reeds = sum((pulses(pitch_hz + d, n) for d in (-beat, 0.0, beat)), np.zeros(n))
    return formants(tilt(reeds, 0.5), (1100, 2700), (600, 900)) * swell(n, 0.12, 0.12)


def flute(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Few harmonics, vibrato in loudness, and a band of breath around the note."""
    shake = sine(4.5 + 1.5 * touch, n, draws.rng.uniform(0, 6))
    air = unit(peak(noise(draws.rng, n), pitch_hz, 250)) * 0.08
    hiss = 0.015 * band(noise(draws.rng, n), 2500, 7000)
    tone = tones(pitch_hz * (1 + 0.004 * shake), n, (1, 0.35 * touch + 0.1, 0.1, 0.03))
    return (tone * (1 + 0.15 * shake) + air + hiss) * swell(n, 0.2, 0.25)


def clarinet(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A tube closed at one end: odd harmonics (1/k), even ones nearly absent."""
    gains = [
        (1.0 / k**0.9 if k % 2 else 0.04) * (0.75 + 0.2 * touch) ** (k / 3) for k in range(1, 16)
    ]
    drift = wander(draws.rng, n, 6, 0.998, 1.002)
    return tones(pitch_hz * drift, n, gains) * swell(n, 0.12, 0.15)


def trumpet(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """Brass: the louder the brighter (Risset & Mathews 1969); an attack that scoops and flares."""
    loud = curve(n, (0, 0), (0.08, 1), (0.2, 0.8), (0.9, 0.75), (1, 0))
    path = pitch_hz * curve(n, (0, 0.97), (0.06, 1), (1, 1)) * (1 + 0.005 * sine(5.5, n))
    phase = 2 * np.pi * np.cumsum(path) / RATE_HZ
    out = np.zeros(n)
    for k in range(1, min(14, int(7600 / pitch_hz)) + 1):
        out += (
            loud ** (1 + 0.35 * k * (1.2 - 0.5 * touch))
            * np.sin(k * phase)
            * min(1.0, 0.35 * k)
            / k**0.4
        )
    return out


def violin(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A bowed string: sawtooth (Helmholtz motion), vibrato, body resonances, bow noise."""
    shake = sine(5.0 + 1.5 * touch, n, draws.rng.uniform(0, 6)) * curve(n, (0, 0), (0.3, 1), (1, 1))
    saw = tilt(pulses(pitch_hz * (1 + 0.012 * shake), n), 0.97)
    body = sum((peak(saw, f, w) for f, w in ((460, 60), (1050, 300), (2600, 700))), 0.4 * saw)
    scrape = 0.03 * band(noise(draws.rng, n), 2000, 6000) * float(np.max(np.abs(body)))
    return (np.asarray(body) + scrape) * swell(n, 0.25, 0.2)


def glockenspiel(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A steel bar, free at both ends: 1 : 2.756 : 5.404, ringing long."""
    ratios = (1, 2.756, 5.404)
    t60s = (1.8, 0.9, 0.35)
    return modes(n, [r * pitch_hz for r in ratios], t60s, (1, 0.2 + 0.4 * touch, 0.25))


def marimba(draws: ParameterDraws, pitch_hz: float, n: int, touch: float) -> Array:
    """A rosewood bar tuned 1 : 4 : 9.2 over a resonator: it decays within half a second."""
    ratios = (1, 4, 9.2)
    bar = modes(
        n, [r * pitch_hz for r in ratios], (0.45, 0.16, 0.06), (1, 0.15 + 0.25 * touch, 0.15)
    )
    mallet = 0.08 * unit(click(draws.rng, 200, 1500, 0.015))
    bar[: len(mallet)] += mallet[:n]
    return bar


def drum_kit(draws: ParameterDraws, n: int) -> Array:
    """A beat in eighths: kick on 1 and 3, snare on 2 and 4, hi-hat on every eighth."""
    eighth = 0.5 / (draws.uniform("beats_per_minute", 90, 165) / 60)
    shift = draws.whole("start_at", 0, 7)
    m = samples(0.35)
    drop = draws.log("kick_hz", 48, 75)
    kick = sine(drop * (1 + 2.2 * np.exp(-seconds(m) * 45)), m) * decay(m, 0.35, 0.002)
    shell = modes(m, (draws.log("snare_hz", 170, 240), 330), (0.12, 0.08), (1, 0.6))
    snare = 0.6 * shell + unit(band(noise(draws.rng, m), 1200, 7500) * decay(m, 0.25)) * 0.8
    hat_s = draws.uniform("hat_s", 0.04, 0.12)
    starts = np.arange(0, n / RATE_HZ, eighth)
    out = np.zeros(n)
    for k, start in enumerate(starts):
        step = (k + shift) % 8
        hat = 0.3 * unit(click(draws.rng, 6000, 7900, hat_s)) * draws.rng.uniform(0.6, 1)
        out += overlay(n, (start,), (hat,))
        if step in (0, 4) or (step == 3 and draws.rng.random() < 0.4):
            out += overlay(n, (start,), (kick,))
        if step in (2, 6):
            out += overlay(n, (start,), (snare,))
    return out


MODELS: dict[str, Sound] = {
    "acoustic guitar": phrase(acoustic_guitar, 110, 240, 1.6),
    "bass guitar": phrase(bass_guitar, 42, 75, 1.0),
    "harp": phrase(harp, 260, 520, 2.5),
    "harpsichord": phrase(harpsichord, 180, 350, 1.0),
    "banjo": phrase(banjo, 200, 390, 1.0),
    "piano": phrase(piano, 130, 400, 1.1),
    "organ": phrase(organ, 130, 330, 0.98),
    "accordion": phrase(accordion, 200, 390, 0.95),
    "flute": phrase(flute, 450, 850, 0.95),
    "clarinet": phrase(clarinet, 170, 380, 0.95),
    "trumpet": phrase(trumpet, 240, 460, 0.95),
    "violin": phrase(violin, 260, 560, 1.0),
    "glockenspiel": phrase(glockenspiel, 1000, 1700, 2.5),
    "marimba": phrase(marimba, 160, 400, 1.5),
    "drum kit": drum_kit,
}
