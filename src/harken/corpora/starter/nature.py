"""Weather, water and fire of the starter corpus: shaped noise and dense random grains.

Textures are sums of many small random events (drops, bubbles, crackles), after the idea of
physically informed particle sounds (Cook 1997) and of Farnell, Designing Sound (2010); bubbles
follow van den Doel (2005).
"""

from __future__ import annotations

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import (
    Array,
    ParameterDraws,
    Sound,
    band,
    bubble,
    click,
    curve,
    decay,
    noise,
    overlay,
    peak,
    poisson,
    samples,
    sine,
    swell,
    unit,
    wander,
)


def rain(draws: ParameterDraws, n: int) -> Array:
    """Far drops as a bright hiss, near drops as hundreds of short ticks a second."""
    hiss = band(noise(draws.rng, n, 0.4), draws.log("low_hz", 700, 1500), 7500)
    drops = band(poisson(draws.rng, n, draws.log("drops_hz", 150, 900)), 1800, 6500)
    mix = draws.uniform("near", 0.35, 0.75)
    return (1 - mix) * unit(hiss) * wander(draws.rng, n, 2, 0.8, 1.0) + mix * unit(drops)


def wind(draws: ParameterDraws, n: int) -> Array:
    """Gusts: pink noise through three low bands whose levels wander, and one wandering whistle."""
    pink = noise(draws.rng, n, 1.0)
    base = draws.log("base_hz", 140, 330)
    out = np.zeros(n)
    for k in range(3):
        low = base * 1.9**k
        gust = wander(draws.rng, n, draws.uniform(f"gust{k}_hz", 0.8, 2.2), 0.0, 1.0) ** 2
        out += band(pink, low, low * 1.7) * gust / (1 + 0.6 * k)
    air = peak(pink, draws.log("whistle_hz", 450, 1000), 30)
    return unit(out) + draws.uniform("whistle", 0.1, 0.5) * unit(air) * wander(
        draws.rng, n, 1.5, 0, 1
    )


def sea_waves(draws: ParameterDraws, n: int) -> Array:
    """A breaker: noise that swells and brightens until it breaks, then hisses away."""
    low = band(noise(draws.rng, n, 1.2), 60, 900)
    foam = band(noise(draws.rng, n, 0.5), 900, 6000)
    top = draws.uniform("break", 0.35, 0.6)
    rise = curve(n, (0, 0.05), (top * 0.7, 0.35), (top, 1), (0.5 + top / 2, 0.4), (1, 0.08))
    later = curve(n, (0, 0.02), (top, 0.35), (top + 0.12, 1), (1, 0.15))
    return unit(low * rise) + draws.uniform("foam", 0.5, 1.0) * unit(foam * later)


def stream(draws: ParameterDraws, n: int) -> Array:
    """A brook: 60-140 rising bubbles a second of random sizes over a faint rush."""
    count = int(draws.uniform("bubbles_hz", 60, 140) * n / RATE_HZ)
    low, high = draws.log("low_hz", 350, 600), draws.log("high_hz", 1600, 2800)
    freqs = low * (high / low) ** draws.rng.random(count)
    sizes = draws.rng.random(count) ** 2 + 0.05
    shapes = [bubble(f, 0.3) * a for f, a in zip(freqs, sizes, strict=True)]
    water = overlay(n, np.sort(draws.rng.uniform(-0.02, n / RATE_HZ, count)), shapes)
    return unit(water) + 0.06 * unit(band(noise(draws.rng, n, 1.0), 300, 3500))


def thunder(draws: ParameterDraws, n: int) -> Array:
    """A crack and a roll: brown noise under 200 Hz in a train of random decaying surges."""
    rumble = band(noise(draws.rng, n, 2.0), 25, draws.log("dark_hz", 110, 220))
    surges = np.zeros(n)
    for at in draws.rng.uniform(0, 0.7, draws.whole("surges", 3, 7)):
        start = int(at * n)
        surges[start:] += draws.rng.uniform(0.3, 1) * decay(
            n - start, draws.rng.uniform(0.6, 1.6), 0.05
        )
    crack = band(draws.rng.standard_normal(n) * decay(n, 0.25), 200, 3500)
    return unit(rumble * surges) + draws.uniform("crack", 0.05, 0.4) * unit(crack)


def fire_crackle(draws: ParameterDraws, n: int) -> Array:
    """Sharp random snaps of 2-10 ms over a soft rumble and hiss."""
    starts = np.sort(draws.rng.uniform(0, n / RATE_HZ, draws.whole("snaps", 18, 60)))
    snaps = []
    for _ in starts:
        low = draws.rng.uniform(700, 2500)
        snap = click(draws.rng, low, low * 2.2, draws.rng.uniform(0.004, 0.014))
        snaps.append(unit(snap) * min(2.0, draws.rng.lognormal(-1.0, 0.7)))
    bed = band(noise(draws.rng, n, 1.5), 40, 300) * wander(draws.rng, n, 6, 0.4, 1)
    hiss = band(noise(draws.rng, n), 3000, 7000) * wander(draws.rng, n, 4, 0.2, 1)
    return (
        unit(overlay(n, starts, snaps))
        + draws.uniform("bed", 0.1, 0.3) * unit(bed)
        + 0.03 * unit(hiss)
    )


def water_drip(draws: ParameterDraws, n: int) -> Array:
    """Single drops into a basin: a tick, then one clear rising bubble; one to four a second."""
    size = draws.log("pitch_hz", 650, 1700)
    rate = draws.uniform("rate_hz", 1.2, 4.0)
    starts = np.arange(draws.rng.uniform(0, 0.3), n / RATE_HZ, 1 / rate)
    grains = []
    for _ in starts:
        f = size * draws.rng.uniform(0.85, 1.2)
        grain = np.zeros(samples(0.16))
        drop = bubble(f, 0.12)[: len(grain) - 200]
        grain[200 : 200 + len(drop)] = drop
        tick = unit(click(draws.rng, 3000, 7000, 0.004)) * 0.15
        grain[: len(tick)] += tick
        grains.append(grain)
    return overlay(n, starts, grains)


def pouring_water(draws: ParameterDraws, n: int) -> Array:
    """A vessel fills: noise and bubbles through an air-column resonance that rises f = c / 4 L."""
    start = draws.log("start_hz", 350, 600)
    path = start / curve(n, (0, 1.0), (1, draws.uniform("left", 0.25, 0.45)))
    rush = band(noise(draws.rng, n, 0.5), 400, 6000)
    # A moving resonance: ring-modulating slow noise onto the moving pitch gives a band that glides.
    wobble = band(noise(draws.rng, n), 0, 60)
    glide = unit(wobble) * sine(path, n) + 0.4 * unit(band(noise(draws.rng, n), 0, 90)) * sine(
        3 * path, n
    )
    return unit(glide) + draws.uniform("rush", 0.15, 0.35) * unit(rush)


def steam_hiss(draws: ParameterDraws, n: int) -> Array:
    """Steam let off under pressure: a steep hiss that opens fast and closes slowly."""
    hiss = band(noise(draws.rng, n, -0.6), draws.log("low_hz", 2500, 4200), 7800)
    return hiss * swell(n, draws.uniform("rise", 0.05, 0.2), draws.uniform("fall", 0.3, 0.7))


MODELS: dict[str, Sound] = {
    "rain": rain,
    "wind": wind,
    "sea waves": sea_waves,
    "stream": stream,
    "thunder": thunder,
    "fire crackle": fire_crackle,
    "water drip": water_drip,
    "pouring water": pouring_water,
    "steam hiss": steam_hiss,
}
