"""Animal calls of the starter corpus, by source and filter.

Most are voiced: band-limited pulses with a pitch contour (the source, Fant 1960), a spectral tilt
and a few formants (the vocal tract), times an envelope. Insects are modulated tones. The parameter
ranges are rough readings of published descriptions and of Farnell, Designing Sound (2010); every
clip draws its own pitch, tempo, timbre and number of calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import (
    Array,
    ParameterDraws,
    Sound,
    beats,
    click,
    curve,
    decay,
    formants,
    modes,
    noise,
    overlay,
    pulses,
    samples,
    sine,
    swell,
    tilt,
    tones,
    unit,
    wander,
)


def voiced(pitch_hz: Array, freqs_hz: Sequence[float], widths_hz: Sequence[float]) -> Array:
    """Pulses of a moving pitch through a tilt and formants, at unit peak."""
    return unit(formants(tilt(pulses(pitch_hz, len(pitch_hz)), 0.85), freqs_hz, widths_hz))


def dog_bark(draws: ParameterDraws, n: int) -> Array:
    """Barks of 0.12-0.25 s: pitch rises by a third and falls, wide formants, rough breath."""
    pitch = draws.log("pitch_hz", 230, 620)
    size = draws.uniform("formant_scale", 0.8, 1.25)
    rough = draws.uniform("rough", 0.1, 0.4)
    barks = beats(draws, n, draws.uniform("rate_hz", 1.6, 3.4), 0.25)[: draws.whole("barks", 1, 5)]
    grains = []
    for _ in barks:
        m = samples(draws.rng.uniform(0.12, 0.25))
        path = curve(m, (0, 0.75), (0.25, 1.1), (1, 0.6)) * pitch * draws.rng.uniform(0.95, 1.05)
        voice = voiced(path, (700 * size, 1500 * size, 2800 * size), (180, 260, 400))
        breath = formants(draws.rng.standard_normal(m), (900 * size, 1800 * size), (400, 600))
        grains.append((voice + rough * unit(breath)) * swell(m, 0.08, 0.7))
    return overlay(n, barks, grains)


def cat_meow(draws: ParameterDraws, n: int) -> Array:
    """A meow: the mouth opens and closes, so the sound fades from "m-i" formants to "a-u" ones."""
    pitch = draws.log("pitch_hz", 420, 780)
    m = min(n, samples(draws.uniform("call_s", 0.6, 1.1)))
    top = draws.uniform("rise", 1.15, 1.5)
    path = pitch * curve(m, (0, 0.9), (0.3, top), (0.7, 1.05), (1, 0.75))
    path = path * (1 + 0.012 * sine(draws.uniform("vibrato_hz", 5, 9), m))
    closed = voiced(path, (500, 2300, 3200), (150, 250, 400))
    opened = voiced(path, (1150, 1900, 3400), (180, 250, 400))
    mix = curve(m, (0, 0), (0.35, 1), (0.75, 0.7), (1, 0))
    return (closed * (1 - mix) + opened * mix) * swell(m, 0.15, 0.5)


def cow_moo(draws: ParameterDraws, n: int) -> Array:
    """A long low call: 85-150 Hz, nasal at first and opening towards the end."""
    pitch = draws.log("pitch_hz", 85, 150)
    m = min(n, samples(draws.uniform("call_s", 1.1, 2.2)))
    path = pitch * curve(m, (0, 0.8), (0.3, 1), (0.8, draws.uniform("end", 1.0, 1.3)), (1, 0.8))
    path = path * wander(draws.rng, m, 12, 0.98, 1.02)
    nasal = voiced(path, (260, 900), (60, 200))
    opened = voiced(path, (520, 950, 2300), (100, 150, 300))
    mix = curve(m, (0, 0), (0.4, 0.2), (0.8, 1), (1, 0.5))
    return (nasal * (1 - mix) + opened * mix) * swell(m, 0.2, 0.3)


def sheep_bleat(draws: ParameterDraws, n: int) -> Array:
    """A bleat: loudness and pitch tremble together at 6-10 Hz."""
    pitch = draws.log("pitch_hz", 230, 420)
    rate = draws.uniform("tremor_hz", 6, 10)
    calls = beats(draws, n, draws.uniform("rate_hz", 0.9, 1.4), 0.1)
    grains = []
    for _ in calls:
        m = samples(draws.rng.uniform(0.5, 0.75))
        shake = sine(rate, m, draws.rng.uniform(0, 6))
        path = pitch * (1 + 0.05 * shake) * curve(m, (0, 1.05), (1, 0.9))
        voice = voiced(path, (850, 1750, 2900), (150, 200, 300))
        grains.append(voice * (0.55 + 0.45 * shake) * swell(m, 0.1, 0.4))
    return overlay(n, calls, grains)


def rooster_crow(draws: ParameterDraws, n: int) -> Array:
    """Cock-a-doodle-doo: three short syllables and a long falling one, 450-1000 Hz."""
    pitch = draws.log("pitch_hz", 480, 720)
    slow = draws.uniform("slowness", 0.75, 1.05)
    grains, starts, at = [], [], 0.0
    for length, low, high in (
        (0.13, 0.9, 1.1),
        (0.1, 1.1, 1.2),
        (0.2, 1.3, 1.5),
        (0.75, 1.5, 0.95),
    ):
        m = samples(length * slow)
        path = pitch * curve(m, (0, low), (0.3, max(low, high)), (1, high))
        voice = voiced(path * wander(draws.rng, m, 40, 0.98, 1.02), (1200, 2500), (250, 400))
        grains.append(voice * swell(m, 0.1, 0.3))
        starts.append(at)
        at += (length + draws.rng.uniform(0.03, 0.08)) * slow
    return overlay(n, starts, grains)


def bird_chirp(draws: ParameterDraws, n: int) -> Array:
    """Songbird: pure tones of 40-120 ms that sweep by up to an octave between 2.3 and 6.5 kHz."""
    centre = draws.log("centre_hz", 2600, 4800)
    sweep = draws.uniform("sweep", 0.1, 0.35)
    shape = draws.pick("shape", ("up", "down", "arch"))
    calls = beats(draws, n, draws.uniform("rate_hz", 4, 9), 0.35)
    keep = draws.rng.random(len(calls)) > 0.25
    keep[0] = True
    ends = {"up": (1 - sweep, 1 + sweep, 1 + sweep), "down": (1 + sweep, 1, 1 - sweep)}
    a, b, c = ends.get(shape, (1 - sweep, 1 + sweep, 1 - sweep))
    grains = []
    for _ in calls[keep]:
        m = samples(draws.rng.uniform(0.04, 0.11))
        path = centre * draws.rng.uniform(0.92, 1.08) * curve(m, (0, a), (0.5, b), (1, c))
        grains.append(swell(m, 0.25, 0.4) * (sine(path, m) + 0.1 * sine(2 * path, m)))
    return overlay(n, calls[keep], grains)


def owl_hoot(draws: ParameterDraws, n: int) -> Array:
    """Hoots near a sine at 280-480 Hz, one long and then short ones, with a little breath."""
    pitch = draws.log("pitch_hz", 280, 480)
    breath = draws.uniform("breath", 0.02, 0.08)
    starts, grains, at = [], [], 0.0
    for k in range(draws.whole("hoots", 2, 5)):
        m = samples(draws.rng.uniform(0.32, 0.5) if k == 0 else draws.rng.uniform(0.16, 0.28))
        path = pitch * curve(m, (0, 0.93), (0.3, 1.0), (1, 0.94))
        air = unit(formants(draws.rng.standard_normal(m), (pitch,), (80,)))
        grains.append((tones(path, m, (1, 0.08, 0.05)) + breath * air) * swell(m, 0.3, 0.45))
        starts.append(at)
        at += m / RATE_HZ + draws.rng.uniform(0.1, 0.22)
    return overlay(n, starts, grains)


def crow_caw(draws: ParameterDraws, n: int) -> Array:
    """Harsh caws: a voice of 380-560 Hz, rough at 60-110 Hz, with strong formants near 1.5 kHz."""
    pitch = draws.log("pitch_hz", 380, 560)
    rough = draws.uniform("rough_hz", 60, 110)
    size = draws.uniform("formant_scale", 0.88, 1.15)
    calls = beats(draws, n, draws.uniform("rate_hz", 1.5, 2.4), 0.15)[: draws.whole("caws", 2, 4)]
    grains = []
    for _ in calls:
        m = samples(draws.rng.uniform(0.24, 0.38))
        path = (
            pitch * curve(m, (0, 0.9), (0.2, 1.05), (1, 0.85)) * wander(draws.rng, m, 90, 0.9, 1.1)
        )
        source = pulses(path, m) + 0.25 * draws.rng.standard_normal(m)
        voice = unit(formants(source, (1450 * size, 1900 * size, 3600), (150, 200, 500)))
        grains.append(voice * (0.6 + 0.4 * sine(rough, m)) * swell(m, 0.12, 0.3))
    return overlay(n, calls, grains)


def frog_croak(draws: ParameterDraws, n: int) -> Array:
    """Croaks: 25-55 damped resonances a second near 450-1100 Hz, in bursts of 0.25-0.5 s."""
    rate = draws.uniform("pulse_hz", 25, 55)
    body = draws.log("body_hz", 450, 1100)
    calls = beats(draws, n, draws.uniform("rate_hz", 1.3, 2.2), 0.2)
    grains = []
    for _ in calls:
        m = samples(draws.rng.uniform(0.22, 0.42))
        ticks = beats(draws, m, rate, 0.1)
        one = modes(samples(0.035), (body, 2.1 * body), (0.03, 0.015), (1, 0.5))
        grains.append(
            overlay(m, ticks, [one] * len(ticks)) * curve(m, (0, 0.4), (0.5, 1), (1, 0.6))
        )
    return overlay(n, calls, grains)


def cricket(draws: ParameterDraws, n: int) -> Array:
    """A carrier of 3.9-5.2 kHz in chirps of three to five 15 ms pulses."""
    carrier = draws.log("carrier_hz", 3900, 5200)
    size = draws.whole("pulses", 3, 5)
    gap = draws.uniform("gap_s", 0.02, 0.032)
    calls = beats(draws, n, draws.uniform("rate_hz", 2.2, 4.5), 0.06)
    m = samples(0.75 * gap)
    one = sine(carrier, m) * swell(m, 0.4, 0.4)
    chirp = overlay(samples(size * gap), [k * gap for k in range(size)], [one] * size)
    return overlay(n, calls, [chirp] * len(calls))


def bee_buzz(draws: ParameterDraws, n: int) -> Array:
    """Wing beats of 170-270 Hz whose pitch and loudness wander as the bee flies about."""
    pitch = draws.log("pitch_hz", 170, 270)
    path = pitch * wander(draws.rng, n, 5, 0.9, 1.1) * wander(draws.rng, n, 60, 0.985, 1.015)
    wings = formants(
        tilt(pulses(path, n), 0.6), (draws.uniform("body", 2.6, 3.9) * pitch, 2400), (250, 700)
    )
    return unit(wings) * wander(draws.rng, n, 3, 0.3, 1.0)


def wolf_howl(draws: ParameterDraws, n: int) -> Array:
    """One long call that glides up to 400-750 Hz and sinks: a few strong harmonics."""
    pitch = draws.log("pitch_hz", 400, 700)
    m = min(n, samples(draws.uniform("call_s", 1.4, 2.3)))
    turn = draws.uniform("turn", 0.2, 0.4)
    path = pitch * curve(m, (0, 0.55), (turn, 1.0), (0.75, 0.96), (1, 0.65))
    path = path * (1 + 0.006 * sine(draws.uniform("vibrato_hz", 3, 6), m))
    air = 0.02 * noise(draws.rng, m, 1.0)
    return (tones(path, m, (1, 0.5, 0.2, 0.08)) + air) * swell(m, 0.15, 0.3)


def horse_hooves(draws: ParameterDraws, n: int) -> Array:
    """A gallop: three beats and a rest, each hoof a hollow knock at 550-1000 Hz with a scuff."""
    stride = draws.uniform("stride_hz", 1.6, 2.3)
    body = draws.log("body_hz", 550, 1000)
    firsts = beats(draws, n, stride, 0.03)
    starts = np.sort(np.concatenate([firsts + k * 0.24 / stride for k in range(3)]))
    grains = []
    for _ in starts:
        f = body * draws.rng.uniform(0.88, 1.14)
        knock = modes(samples(0.07), (f, 1.7 * f, 2.9 * f), (0.06, 0.04, 0.02), (1, 0.5, 0.25))
        scuff = click(draws.rng, 800, 4500, 0.03)
        knock[: len(scuff)] += 0.25 * unit(scuff)
        grains.append(knock * draws.rng.uniform(0.6, 1))
    return overlay(n, starts, grains)


def duck_quack(draws: ParameterDraws, n: int) -> Array:
    """Quacks of 0.12-0.2 s: a reedy 180-260 Hz voice with a nasal formant near 1.1 kHz."""
    pitch = draws.log("pitch_hz", 180, 260)
    nose = draws.uniform("nose_hz", 950, 1300)
    calls = beats(draws, n, draws.uniform("rate_hz", 2.4, 4.0), 0.15)[: draws.whole("quacks", 3, 7)]
    grains = []
    for k, _ in enumerate(calls):
        m = samples(draws.rng.uniform(0.12, 0.2))
        path = pitch * curve(m, (0, 1.15), (1, 0.85)) * (1 - 0.02 * k)
        voice = unit(formants(pulses(path, m), (nose, nose * 1.9, 3500), (90, 160, 400)))
        grains.append(voice * swell(m, 0.1, 0.5) * (1 - 0.08 * k))
    return overlay(n, calls, grains)


def snake_rattle(draws: ParameterDraws, n: int) -> Array:
    """A rattle at 45-75 shakes a second: high noise bursts whose loudness swells."""
    rate = draws.uniform("shake_hz", 45, 75)
    phase = np.cumsum(rate * wander(draws.rng, n, 4, 0.9, 1.1) / RATE_HZ) % 1.0
    hiss = (
        formants(noise(draws.rng, n), (draws.log("shell_hz", 5300, 7000),), (1500,))
        - noise(draws.rng, n, 1.0) * 0.05
    )
    gate = decay(n, 10.0, 0.2) * np.exp(-5 * phase) * wander(draws.rng, n, 2, 0.5, 1.0)
    return np.asarray(np.diff(hiss, prepend=0.0) * gate)


MODELS: dict[str, Sound] = {
    "dog bark": dog_bark,
    "cat meow": cat_meow,
    "cow moo": cow_moo,
    "sheep bleat": sheep_bleat,
    "rooster crow": rooster_crow,
    "bird chirp": bird_chirp,
    "owl hoot": owl_hoot,
    "crow caw": crow_caw,
    "frog croak": frog_croak,
    "cricket": cricket,
    "bee buzz": bee_buzz,
    "wolf howl": wolf_howl,
    "horse hooves": horse_hooves,
    "duck quack": duck_quack,
    "snake rattle": snake_rattle,
}
