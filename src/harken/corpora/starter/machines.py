"""Engines, vehicles, motors and warning tones of the starter corpus.

Engines are pulse trains at the firing rate through exhaust resonances; motors are harmonics plus
noise; warning tones have the frequencies of real devices. After ideas of Farnell, Designing Sound
(2010).
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
    tones,
    unit,
    wander,
)


def engine(draws: ParameterDraws, n: int) -> Array:
    """Idling engine: 20-42 firings a second, uneven by cylinder, through exhaust resonances."""
    rate = draws.uniform("firing_hz", 20, 42)
    path = rate * wander(draws.rng, n, 3, 0.95, 1.05)
    fire = pulses(path, n) + 0.5 * pulses(path / 4, n)
    pipe = draws.log("pipe_hz", 70, 150)
    body = formants(fire, (pipe, 3.1 * pipe), (40, 120))
    clatter = band(noise(draws.rng, n), 500, 3000) * np.clip(tilt(pulses(path, n), 0.97), 0, None)
    return unit(body) + draws.uniform("clatter", 0.1, 0.35) * unit(clatter)


def helicopter(draws: ParameterDraws, n: int) -> Array:
    """Rotor: 9-15 blade slaps a second, each a burst of low noise, under a turbine whine."""
    rate = draws.uniform("blade_hz", 9, 15)
    phase = (np.cumsum(rate * wander(draws.rng, n, 1, 0.99, 1.01)) / RATE_HZ) % 1.0
    slap = np.exp(-7 * phase)
    low = band(noise(draws.rng, n, 1.0), 50, 260) * slap
    air = band(noise(draws.rng, n, 0.5), 500, 3500) * (0.15 + slap)
    whine = tones(draws.log("turbine_hz", 1500, 2600), n, (1, 0.3))
    return unit(low) + draws.uniform("air", 0.2, 0.45) * unit(air) + 0.04 * whine


def train(draws: ParameterDraws, n: int) -> Array:
    """Wheels over rail joints: pairs of heavy clacks (ta-dam, ta-dam) over a rolling rumble."""
    gap = draws.uniform("axle_gap_s", 0.11, 0.17)
    firsts = beats(draws, n, draws.uniform("joint_hz", 1.5, 2.6), 0.02)
    starts = np.sort(np.concatenate([firsts, firsts + gap]))
    body = draws.log("wheel_hz", 210, 340)
    clacks = []
    for _ in starts:
        clack = modes(
            samples(0.14), (body, 1.9 * body, 4.3 * body), (0.12, 0.07, 0.04), (1, 0.6, 0.5)
        )
        hit = 0.5 * unit(click(draws.rng, 500, 3500, 0.04))
        clack[: len(hit)] += hit
        clacks.append(clack * draws.rng.uniform(0.7, 1.0))
    roll = band(noise(draws.rng, n, 1.4), 50, 700) * wander(draws.rng, n, 5, 0.7, 1)
    return unit(overlay(n, starts, clacks)) + draws.uniform("roll", 0.25, 0.5) * unit(roll)


def airplane(draws: ParameterDraws, n: int) -> Array:
    """Jet fly-over: a broad roar that swells while a whine falls in pitch (Doppler)."""
    roar = band(noise(draws.rng, n, 1.0), 120, draws.log("bright_hz", 1200, 2600))
    whine = draws.log("whine_hz", 1100, 2100) * curve(
        n, (0, 1.12), (0.4, 1.08), (0.6, 0.92), (1, 0.88)
    )
    buzz = sine(whine, n) + 0.5 * sine(1.51 * whine, n)
    return (unit(roar) + draws.uniform("whine", 0.05, 0.18) * buzz) * curve(
        n, (0, 0.35), (0.5, 1), (1, 0.4)
    )


def car_horn(draws: ParameterDraws, n: int) -> Array:
    """Two reeds a third apart (near 400 and 500 Hz), rich in harmonics; one to three honks."""
    low = draws.log("low_hz", 360, 450)
    ratio = draws.uniform("ratio", 1.19, 1.27)
    honks = draws.whole("honks", 1, 3)
    starts, grains, at = [], [], 0.0
    for _ in range(honks):
        m = samples(draws.rng.uniform(0.5, 1.1) if honks == 1 else draws.rng.uniform(0.18, 0.4))
        reeds = pulses(low, m) + pulses(low * ratio, m)
        grains.append(unit(formants(reeds, (1300, 2600), (500, 800))) * swell(m, 0.04, 0.06))
        starts.append(at)
        at += m / RATE_HZ + draws.rng.uniform(0.08, 0.2)
    return overlay(n, starts, grains)


def siren(draws: ParameterDraws, n: int) -> Array:
    """Emergency vehicle: a wail or yelp between 550 and 1500 Hz, or a two-tone horn."""
    kind = draws.pick("kind", ("wail", "yelp", "two-tone"))
    low = draws.log("low_hz", 550, 700)
    top = low * draws.uniform("span", 1.9, 2.3)
    t = seconds(n)
    start = draws.uniform("phase", 0, 1)
    if kind == "two-tone":
        path = np.where((t * 1.1 + start) % 1.0 < 0.5, low, low * 4 / 3)
    else:
        rate = (
            draws.uniform("sweep_hz", 0.35, 0.6)
            if kind == "wail"
            else draws.uniform("sweep_hz", 2.5, 4)
        )
        path = low * (top / low) ** (0.5 - 0.5 * np.cos(2 * np.pi * (rate * t + start)))
    smooth = tilt(path - path[0], 0.99) + path[0]
    return tones(smooth, n, (1, 0.15, 0.4, 0.1, 0.2))


def chainsaw(draws: ParameterDraws, n: int) -> Array:
    """A two-stroke: 85-130 firings a second that rev up and down, clipped hard, bright teeth."""
    rate = draws.uniform("firing_hz", 85, 130)
    revs = wander(draws.rng, n, draws.uniform("rev_hz", 1.0, 2.5), 0.75, 1.25)
    fire = pulses(rate * revs * wander(draws.rng, n, 60, 0.97, 1.03), n)
    pipe = formants(fire, (480, 1500), (120, 300))
    rasp = band(noise(draws.rng, n), 1500, 6000) * np.clip(unit(fire), 0.1, None)
    return np.asarray(
        np.tanh(4 * unit(pipe)) * (0.6 + 0.4 * revs) + draws.uniform("rasp", 0.4, 0.9) * unit(rasp)
    )


def drill(draws: ParameterDraws, n: int) -> Array:
    """Electric drill: a whine of 480-800 Hz that runs up within 0.3 s and labours under load."""
    pitch = draws.log("pitch_hz", 480, 800)
    path = pitch * curve(
        n, (0, 0.35), (draws.uniform("run_up", 0.08, 0.2), 1.0), (0.5, 0.97), (1, 1.0)
    )
    path = path * wander(draws.rng, n, 8, 0.97, 1.03)
    whine = tones(path, n, (0.6, 1.0, 0.3, 0.6, 0.2, 0.4, 0.15, 0.2))
    brush = band(noise(draws.rng, n), 2500, 7000) * (1 + 0.5 * sine(path / 2, n))
    return unit(whine) + draws.uniform("brush", 0.1, 0.35) * unit(brush)


def vacuum_cleaner(draws: ParameterDraws, n: int) -> Array:
    """Steady suction: broad noise with a duct resonance over a faint motor tone."""
    air = noise(draws.rng, n, 0.7)
    duct = peak(air, draws.log("duct_hz", 600, 1300), 500)
    motor = tones(draws.log("motor_hz", 190, 330), n, (1, 0.5, 0.6, 0.2, 0.3))
    return unit(band(air, 150, 6500)) + 0.7 * unit(duct) + draws.uniform("motor", 0.12, 0.3) * motor


def washing_machine(draws: ParameterDraws, n: int) -> Array:
    """A drum turns 1-1.8 times a second: mains hum at 100 Hz and water sloshing once a turn."""
    rate = draws.uniform("turn_hz", 1.0, 1.8)
    turn = 0.5 - 0.5 * np.cos(2 * np.pi * rate * seconds(n) + draws.uniform("phase", 0, 6))
    mains = float(draws.pick("mains_hz", ("100", "120")))
    hum = tones(mains, n, (1, 0.7, 0.25, 0.2))
    slosh = band(noise(draws.rng, n, 1.0), 250, 1400) * turn**3 * wander(draws.rng, n, 10, 0.5, 1)
    return hum * (0.7 + 0.3 * turn) + draws.uniform("slosh", 0.5, 1.0) * unit(slosh)


def sewing_machine(draws: ParameterDraws, n: int) -> Array:
    """A needle strikes 9-15 times a second: two mechanical ticks a stroke over a motor hum."""
    rate = draws.uniform("stroke_hz", 9, 15)
    starts = beats(draws, n, rate, 0.04)
    body = draws.log("body_hz", 900, 1500)
    down = modes(samples(0.04), (body, 2.4 * body, 3.7 * body), (0.03, 0.02, 0.015), (1, 0.6, 0.4))
    ticks = overlay(n, starts, [down] * len(starts))
    ticks += 0.5 * overlay(n, starts + 0.45 / rate, [np.asarray(-down)] * len(starts))
    hum = tones(rate * 10, n, (1, 0.6, 0.4, 0.2))
    return unit(ticks) + draws.uniform("hum", 0.1, 0.25) * hum


def hand_saw(draws: ParameterDraws, n: int) -> Array:
    """Strokes to and fro: noise cut by the teeth (90-170 a second), the push the brighter."""
    rate = draws.uniform("stroke_hz", 2.6, 4.4)
    centre = draws.log("centre_hz", 1500, 2600)
    push = np.sin(2 * np.pi * rate / 2 * seconds(n))
    teeth = 0.5 + 0.5 * sine(draws.uniform("teeth_hz", 90, 170) * (0.4 + np.abs(push)), n)
    hiss = noise(draws.rng, n)
    to = band(hiss, centre, 2.4 * centre) * np.clip(push, 0, None)
    fro = band(hiss, 0.55 * centre, 1.3 * centre) * np.clip(-push, 0, None)
    return (unit(to) + 0.8 * unit(fro)) * teeth


def alarm_clock(draws: ParameterDraws, n: int) -> Array:
    """Digital alarm: groups of two to four square beeps at 1.9-3.2 kHz, each 50-90 ms."""
    pitch = draws.log("pitch_hz", 1900, 3200)
    size = draws.whole("beeps", 2, 4)
    beep = draws.uniform("beep_s", 0.05, 0.09)
    m = samples(beep)
    one = np.sign(sine(pitch, m)) * swell(m, 0.03, 0.03)
    starts = [
        first + k * beep * 1.9
        for first in np.arange(
            0, n / RATE_HZ, size * beep * 1.9 + draws.uniform("rest_s", 0.2, 0.4)
        )
        for k in range(size)
    ]
    return overlay(n, starts, [band(one, 0, 6500)] * len(starts))


def phone_ring(draws: ParameterDraws, n: int) -> Array:
    """Old telephone: a clapper strikes two small gongs alternately, 20-27 times a second."""
    rate = draws.uniform("clapper_hz", 20, 27)
    low = draws.log("gong_hz", 900, 1350)
    m = samples(0.35)
    gongs = [
        modes(m, (f, 2.71 * f, 5.1 * f), (0.3, 0.2, 0.12), (1, 0.7, 0.4)) for f in (low, 1.26 * low)
    ]
    ring = draws.uniform("ring_s", 0.6, 1.1)
    starts = np.arange(0, n / RATE_HZ, 1 / rate)
    starts = starts[starts % (ring + 0.45) < ring]
    return overlay(n, starts, [gongs[k % 2] for k in range(len(starts))])


def doorbell(draws: ParameterDraws, n: int) -> Array:
    """Ding-dong: two chime bars a third apart, each with a long decay."""
    high = draws.log("high_hz", 600, 860)
    low = high / draws.uniform("ratio", 1.24, 1.28)
    m = samples(1.4)
    chime = [
        modes(m, (f, 2.76 * f, 5.4 * f), (1.3, 0.4, 0.15), (1, 0.25, 0.1)) for f in (high, low)
    ]
    return overlay(n, (0.0, draws.uniform("gap_s", 0.4, 0.65)), chime)


def kettle_whistle(draws: ParameterDraws, n: int) -> Array:
    """Steam: a tone that climbs to 1.7-2.6 kHz and steadies, with harmonics and hiss."""
    top = draws.log("top_hz", 1700, 2600)
    path = top * curve(n, (0, draws.uniform("start", 0.55, 0.8)), (0.4, 0.97), (1, 1.0))
    tone = tones(path * wander(draws.rng, n, 30, 0.995, 1.005), n, (1, 0.4, 0.2))
    hiss = band(noise(draws.rng, n), 2000, 7500)
    return tone * curve(n, (0, 0.1), (0.4, 1), (1, 1)) + draws.uniform("hiss", 0.08, 0.25) * unit(
        hiss
    )


def sonar_ping(draws: ParameterDraws, n: int) -> Array:
    """A sine ping of 700-1500 Hz with a long tail and fading echoes, under water noise."""
    pitch = draws.log("pitch_hz", 700, 1500)
    m = samples(1.2)
    ping = modes(m, (pitch, 1.003 * pitch), (0.9, 0.7), (1, 0.4))
    gap = draws.uniform("echo_s", 0.3, 0.55)
    starts = np.arange(0, n / RATE_HZ, gap)
    out = overlay(n, starts, [ping * 0.35**k for k in range(len(starts))])
    return out + 0.01 * unit(band(noise(draws.rng, n, 1.0), 50, 500))


def morse_code(draws: ParameterDraws, n: int) -> Array:
    """Dots and dashes (1 : 3 units) of a 550-950 Hz tone at 12-22 words a minute."""
    pitch = draws.log("pitch_hz", 550, 950)
    dot = 1.2 / draws.uniform("words_per_minute", 12, 22)
    starts, grains, at = [], [], 0.0
    while at < n / RATE_HZ:
        m = samples(dot * (1 if draws.rng.random() < 0.5 else 3))
        starts.append(at)
        grains.append(sine(pitch, m) * swell(m, 0.06, 0.06))
        at += m / RATE_HZ + dot * (3 if draws.rng.random() < 0.3 else 1)
    return overlay(n, starts, grains)


MODELS: dict[str, Sound] = {
    "engine": engine,
    "helicopter": helicopter,
    "train": train,
    "airplane": airplane,
    "car horn": car_horn,
    "siren": siren,
    "chainsaw": chainsaw,
    "drill": drill,
    "vacuum cleaner": vacuum_cleaner,
    "washing machine": washing_machine,
    "sewing machine": sewing_machine,
    "hand saw": hand_saw,
    "alarm clock": alarm_clock,
    "phone ring": phone_ring,
    "doorbell": doorbell,
    "kettle whistle": kettle_whistle,
    "sonar ping": sonar_ping,
    "morse code": morse_code,
}
