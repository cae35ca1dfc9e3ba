"""Sounds that people make without words, for the starter corpus.

Voices are pulses through vowel formants (source and filter, Fant 1960; formants near Peterson &
Barney 1952); coughs, sneezes and breath are noise through the same formants; claps are short bursts
through the cavity between the hands (Repp 1987: one broad peak between 0.6 and 2 kHz).
"""

from __future__ import annotations

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import (
    Array,
    ParameterDraws,
    Sound,
    band,
    beats,
    click,
    curve,
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
    unit,
    wander,
)

AH = (750.0, 1200.0, 2600.0)
WIDTHS = (100.0, 140.0, 250.0)


def vowel(pitch_hz: Array, scale: float) -> Array:
    """An open vowel "ah" at a moving pitch, formants times `scale`."""
    return unit(
        formants(tilt(pulses(pitch_hz, len(pitch_hz)), 0.9), [scale * f for f in AH], WIDTHS)
    )


def clap(draws: ParameterDraws, cavity_hz: float) -> Array:
    """One hand clap."""
    burst = click(draws.rng, 500, 6500, 0.05)
    return unit(peak(burst, cavity_hz, 700) + 0.35 * burst)


def hand_clap(draws: ParameterDraws, n: int) -> Array:
    """One person claps, 2-4.5 times a second."""
    cavity = draws.log("cavity_hz", 800, 1900)
    starts = beats(draws, n, draws.uniform("rate_hz", 2.0, 4.5), 0.06)
    grains = [clap(draws, cavity * draws.rng.uniform(0.93, 1.07)) for _ in starts]
    return overlay(n, starts, [g * draws.rng.uniform(0.7, 1) for g in grains])


def applause(draws: ParameterDraws, n: int) -> Array:
    """A hall: 15-40 people, each with a cavity and a tempo of their own."""
    people = draws.whole("people", 15, 40)
    out = np.zeros(n)
    for _ in range(people):
        starts = np.arange(draws.rng.uniform(0, 0.3), n / RATE_HZ, 1 / draws.rng.uniform(3, 5))
        one = clap(draws, draws.rng.uniform(700, 2200)) * draws.rng.uniform(0.2, 1)
        out += overlay(n, starts + draws.rng.uniform(-0.02, 0.02, len(starts)), [one] * len(starts))
    return out * curve(
        n, (0, draws.uniform("from", 0.4, 1.0)), (0.4, 1), (1, draws.uniform("to", 0.5, 1.0))
    )


def whistling(draws: ParameterDraws, n: int) -> Array:
    """A tune whistled: near-sine notes of 0.9-2.2 kHz that slide into each other, with breath."""
    base = draws.log("base_hz", 900, 1400)
    notes = draws.whole("notes", 3, 7)
    steps = draws.rng.choice([0, 2, 4, 5, 7, 9], notes)
    place = np.linspace(0, notes - 1e-6, n)
    target = 2.0 ** (steps[place.astype(int)] / 12)
    path = base * (tilt(target - target[0], 0.997) + target[0])
    path = path * (1 + 0.008 * sine(draws.uniform("vibrato_hz", 4, 6.5), n))
    loud = 0.35 + 0.65 * np.minimum(1, 6 * (1 - np.abs(2 * (place % 1) - 1)))
    breath = peak(noise(draws.rng, n), base * 1.3, 500)
    return np.asarray(sine(path, n) * loud + draws.uniform("breath", 0.02, 0.06) * unit(breath))


def sneeze(draws: ParameterDraws, n: int) -> Array:
    """Ah-choo: a voiced breath that rises, then a bright burst that ends in a sunken vowel."""
    pitch = draws.log("pitch_hz", 120, 260)
    scale = draws.uniform("formant_scale", 0.9, 1.2)
    m = samples(draws.uniform("ah_s", 0.25, 0.45))
    ah = vowel(pitch * curve(m, (0, 0.9), (1, 1.3)), scale) * swell(m, 0.5, 0.15)
    k = samples(draws.uniform("choo_s", 0.22, 0.4))
    hiss = band(noise(draws.rng, k), draws.log("hiss_hz", 1800, 2800), 7500) * swell(k, 0.05, 0.85)
    tail = vowel(pitch * curve(k, (0, 1.5), (1, 0.7)), scale) * curve(k, (0, 0), (0.2, 0.5), (1, 0))
    gap = draws.uniform("gap_s", 0.02, 0.12)
    return overlay(n, (0.0, m / RATE_HZ + gap), (0.5 * ah, 1.2 * unit(hiss) + tail))


def cough(draws: ParameterDraws, n: int) -> Array:
    """One to four coughs: a burst of throat noise of 60 ms, then a rough voiced tail."""
    pitch = draws.log("pitch_hz", 100, 240)
    scale = draws.uniform("formant_scale", 0.9, 1.2)
    starts = beats(draws, n, draws.uniform("rate_hz", 2.0, 3.0), 0.15)[
        : draws.whole("coughs", 1, 4)
    ]
    grains = []
    for _ in starts:
        m = samples(draws.rng.uniform(0.2, 0.32))
        air = formants(noise(draws.rng, m, 0.5), (900 * scale, 1700 * scale), (350, 500))
        burst = unit(air) * curve(m, (0, 0), (0.03, 1), (0.25, 0.45), (1, 0))
        rough = pitch * wander(draws.rng, m, 120, 0.8, 1.2) * curve(m, (0, 1.2), (1, 0.8))
        grains.append(burst + 0.5 * vowel(rough, scale) * swell(m, 0.3, 0.5))
    return overlay(n, starts, grains)


def snore(draws: ParameterDraws, n: int) -> Array:
    """Soft palate flapping: 28-60 pulses a second on the way in, a sigh on the way out."""
    rate = draws.uniform("flap_hz", 28, 60)
    length = draws.uniform("breath_s", 0.8, 1.2)
    m, k = samples(length), samples(0.7 * length)
    path = rate * curve(m, (0, 0.85), (0.6, 1.1), (1, 1.0)) * wander(draws.rng, m, 30, 0.88, 1.12)
    rasp = noise(draws.rng, m, 0.7) * np.exp(-5 * (np.cumsum(path) / RATE_HZ % 1.0))
    drawn = unit(formants(rasp, (draws.log("throat_hz", 320, 520), 1100), (120, 250))) * swell(
        m, 0.3, 0.2
    )
    sigh = unit(band(noise(draws.rng, k), 400, 1800)) * swell(k, 0.2, 0.6)
    starts = np.arange(0, n / RATE_HZ, 1.9 * length)
    sighs = starts + 1.08 * length
    return overlay(n, starts, [drawn] * len(starts)) + 0.12 * overlay(n, sighs, [sigh] * len(sighs))


def laughter(draws: ParameterDraws, n: int) -> Array:
    """Ha-ha-ha: 4-6 vowels a second with breath in front, sinking in pitch and loudness."""
    pitch = draws.log("pitch_hz", 150, 380)
    scale = draws.uniform("formant_scale", 0.9, 1.25)
    starts = beats(draws, n, draws.uniform("rate_hz", 4.0, 6.0), 0.1)[: draws.whole("ha", 5, 12)]
    grains = []
    for k, _ in enumerate(starts):
        m = samples(draws.rng.uniform(0.12, 0.16))
        path = (
            pitch
            * 0.96**k
            * draws.rng.uniform(0.95, 1.08)
            * curve(m, (0, 1.1), (0.3, 1.15), (1, 0.9))
        )
        breath = unit(formants(noise(draws.rng, m), [scale * f for f in AH], (300, 300, 500)))
        ha = vowel(path, scale) * swell(m, 0.35, 0.4) + 0.3 * breath * curve(
            m, (0, 1), (0.5, 0.2), (1, 0.3)
        )
        grains.append(ha * 0.95**k)
    return overlay(n, starts, grains)


def breathing(draws: ParameterDraws, n: int) -> Array:
    """Breathing in and out: noise through formants, brighter while inhaling."""
    length = draws.uniform("breath_s", 0.5, 0.9)
    scale = draws.uniform("formant_scale", 0.85, 1.2)
    m = samples(length)
    inward = unit(formants(noise(draws.rng, m), (1500 * scale, 3000 * scale), (500, 700)))
    outward = unit(formants(noise(draws.rng, m, 0.7), (700 * scale, 1500 * scale), (350, 500)))
    starts = np.arange(0, n / RATE_HZ, 2.3 * length)
    first = overlay(n, starts, [inward * swell(m, 0.4, 0.4)] * len(starts))
    return first + 0.8 * overlay(
        n, starts + 1.1 * length, [outward * swell(m, 0.2, 0.7)] * len(starts)
    )


def baby_cry(draws: ParameterDraws, n: int) -> Array:
    """Wails of 0.5-0.9 s that rise and fall at 380-560 Hz; formants of a short vocal tract."""
    pitch = draws.log("pitch_hz", 380, 560)
    scale = draws.uniform("formant_scale", 0.88, 1.12)
    starts, grains, at = [], [], 0.0
    while at < n / RATE_HZ - 0.2:
        m = samples(draws.rng.uniform(0.5, 0.9))
        path = pitch * curve(m, (0, 0.75), (0.25, 1.1), (0.7, 1.0), (1, 0.7))
        path = path * wander(draws.rng, m, 25, 0.98, 1.02)
        source = pulses(path, m) + 0.5 * tilt(pulses(path, m), 0.8)
        wail = unit(formants(source, (1150 * scale, 2700 * scale, 4300 * scale), (180, 300, 500)))
        grains.append(wail * swell(m, 0.12, 0.25))
        starts.append(at)
        at += m / RATE_HZ + draws.rng.uniform(0.15, 0.3)
    return overlay(n, starts, grains)


def finger_snap(draws: ParameterDraws, n: int) -> Array:
    """Snaps, 1.2-2.6 a second: one resonance of 1.6-2.9 kHz that dies within 25 ms."""
    f = draws.log("snap_hz", 1600, 2900)
    starts = beats(draws, n, draws.uniform("rate_hz", 1.2, 2.6), 0.05)
    grains = []
    for _ in starts:
        g = f * draws.rng.uniform(0.95, 1.05)
        tone = modes(samples(0.05), (g, 1.5 * g), (0.025, 0.015), (1, 0.3))
        rub = np.concatenate([0.08 * unit(click(draws.rng, 2000, 6000, 0.03))[::-1], tone])
        grains.append(rub)
    return overlay(n, starts, grains)


def humming(draws: ParameterDraws, n: int) -> Array:
    """A tune hummed with closed lips: 110-260 Hz, hardly anything above 700 Hz, light vibrato."""
    base = draws.log("base_hz", 110, 210)
    notes = draws.whole("notes", 2, 5)
    steps = draws.rng.choice([0, 2, 4, 5, 7], notes)
    index = np.minimum((seconds(n) * RATE_HZ * notes / n).astype(int), notes - 1)
    target = 2.0 ** (steps[index] / 12)
    path = base * (tilt(target - target[0], 0.999) + target[0])
    path = path * (1 + 0.01 * sine(draws.uniform("vibrato_hz", 4.5, 6), n))
    return unit(formants(tilt(pulses(path, n), 0.97), (280, 1100), (80, 300))) * swell(n, 0.05, 0.1)


MODELS: dict[str, Sound] = {
    "hand clap": hand_clap,
    "applause": applause,
    "whistling": whistling,
    "sneeze": sneeze,
    "cough": cough,
    "snore": snore,
    "laughter": laughter,
    "breathing": breathing,
    "baby cry": baby_cry,
    "finger snap": finger_snap,
    "humming": humming,
}
