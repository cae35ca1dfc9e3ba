"""Things that are struck, broken, typed on or fired, for the starter corpus.

Struck things are sums of damped modes (van den Doel & Pai 1998) hit by a short noise burst; the
ratios of the modes depend on the body (bars 1 : 2.76 : 5.40, church bells after Lehr's
partials). Rhythm distinguishes them as much as timbre.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import (
    Array,
    ParameterDraws,
    Sound,
    band,
    beats,
    bubble,
    click,
    curve,
    decay,
    modes,
    noise,
    overlay,
    poisson,
    samples,
    sine,
    swell,
    unit,
    wander,
)


def struck(
    draws: ParameterDraws, freqs_hz: Sequence[float], t60s: Sequence[float], hit: float
) -> Array:
    """One blow: modes of slightly random gains, and a `hit` share of band noise in front."""
    gains = draws.rng.uniform(0.5, 1.0, len(freqs_hz)) / np.arange(1, len(freqs_hz) + 1) ** 0.7
    body = unit(modes(samples(1.1 * max(t60s)), freqs_hz, t60s, list(gains)))
    tap = hit * unit(click(draws.rng, 400, 6000, 0.01))
    body[: min(len(tap), len(body))] += tap[: len(body)]
    return body


def door_knock(draws: ParameterDraws, n: int) -> Array:
    """Two to six quick knocks on wood: low, dull modes at 130-260 Hz that die within 0.1 s."""
    f = draws.log("panel_hz", 130, 260)
    rate = draws.uniform("rate_hz", 3.6, 6.0)
    starts = beats(draws, n, rate, 0.08)[: draws.whole("knocks", 2, 6)]
    ratios = np.array([1, 1.6, 2.4, 3.3, 4.9])
    grains = [
        struck(draws, list(f * ratios), (0.12, 0.1, 0.07, 0.05, 0.03), 0.25)
        * draws.rng.uniform(0.7, 1)
        for _ in starts
    ]
    return overlay(n, starts, grains)


def footsteps(draws: ParameterDraws, n: int) -> Array:
    """Steps, 1.6-2.4 a second: a heel thud under 120 Hz, then a gritty sole 60-110 ms later."""
    rate = draws.uniform("rate_hz", 1.6, 2.4)
    grit = draws.log("grit_hz", 900, 2400)
    lag = draws.uniform("heel_to_toe_s", 0.06, 0.11)
    starts = beats(draws, n, rate, 0.05)
    grains = []
    for _ in starts:
        m = samples(0.3)
        heel = modes(m, (65, 105), (0.12, 0.09), (1, 0.7)) * draws.rng.uniform(0.8, 1)
        sole = band(noise(draws.rng, m), grit, 2.2 * grit) * swell(m, 0.3, 0.7)
        crunch = poisson(draws.rng, m, 250) * swell(m, 0.3, 0.6)
        toe = unit(sole) * 0.35 + 0.45 * unit(band(crunch, grit, 6000))
        grains.append(
            overlay(
                m, (0.0, lag), (heel, toe[: samples(0.15)] * curve(samples(0.15), (0, 1), (1, 0)))
            )
        )
    return overlay(n, starts, grains)


def clock_tick(draws: ParameterDraws, n: int) -> Array:
    """Tick-tock, 2-4 a second, exact: two short high-Q clicks of different pitch in turn."""
    f = draws.log("case_hz", 1700, 3300)
    tock = draws.uniform("tock", 0.75, 0.92)
    pair = [
        struck(draws, (a * f, 1.53 * a * f, 2.1 * a * f), (0.03, 0.02, 0.012), 0.3)
        for a in (1.0, tock)
    ]
    starts = np.arange(0, n / RATE_HZ, 1 / draws.uniform("rate_hz", 2.0, 4.0))
    return overlay(n, starts, [pair[k % 2] for k in range(len(starts))])


def keyboard_typing(draws: ParameterDraws, n: int) -> Array:
    """Soft irregular keys, 6-11 a second: a press thump and a lighter release 60-90 ms later."""
    tone = draws.log("key_hz", 1300, 2600)
    starts = beats(draws, n, draws.uniform("rate_hz", 6, 11), 0.8)
    down, up = [], []
    for _ in starts:
        press = unit(click(draws.rng, tone, 2.6 * tone, 0.018))
        thump = 0.5 * modes(len(press), (230,), (0.02,), (1,))
        down.append((press + thump) * draws.rng.uniform(0.4, 1.0))
        up.append(0.35 * unit(click(draws.rng, 1.4 * tone, 3 * tone, 0.009)))
    return overlay(n, starts, down) + overlay(n, starts + draws.uniform("hold_s", 0.06, 0.09), up)


def mouse_click(draws: ParameterDraws, n: int) -> Array:
    """Single or double clicks of a small switch: press and release, very short, 2.5-6 kHz."""
    f = draws.log("switch_hz", 2600, 4200)
    double = draws.pick("kind", ("single", "double"))
    hold = draws.uniform("hold_s", 0.05, 0.1)
    first = beats(draws, n, draws.uniform("rate_hz", 1.0, 1.8), 0.3)
    starts = first if double == "single" else np.sort(np.concatenate([first, first + 0.19]))
    press = [struck(draws, (f, 1.7 * f), (0.006, 0.004), 0.5) for _ in starts]
    return overlay(n, starts, press) + 0.6 * overlay(n, starts + hold, press)


def typewriter(draws: ParameterDraws, n: int) -> Array:
    """Hard type bars, 4-7 a second, ringing in a steel frame; often the margin bell at the end."""
    f = draws.log("frame_hz", 900, 1500)
    starts = beats(draws, n, draws.uniform("rate_hz", 4, 7), 0.5)
    grains = []
    for _ in starts:
        blow = struck(draws, (f, 1.9 * f, 2.7 * f, 4.1 * f), (0.06, 0.05, 0.04, 0.03), 1.0)
        lever = 0.25 * unit(click(draws.rng, 2000, 7000, 0.006))
        grains.append(
            overlay(samples(0.12), (0.0, 0.035), (lever, blow)) * draws.rng.uniform(0.6, 1)
        )
    out = overlay(n, starts, grains)
    if draws.pick("margin_bell", ("yes", "no")) == "yes":
        out += overlay(
            n,
            (0.75 * n / RATE_HZ,),
            (0.6 * modes(samples(0.6), (2650, 5400), (0.5, 0.3), (1, 0.4)),),
        )
    return out


def hammer(draws: ParameterDraws, n: int) -> Array:
    """A nail is driven: 2-3 blows a second that ring metallic and rise in pitch as it goes in."""
    f = draws.log("nail_hz", 900, 1700)
    rise = draws.uniform("rise", 1.02, 1.07)
    starts = beats(draws, n, draws.uniform("rate_hz", 2.0, 3.2), 0.05)
    grains = []
    for k, _ in enumerate(starts):
        g = f * rise**k
        ring = struck(draws, (g, 2.3 * g, 3.7 * g), (0.16, 0.12, 0.08), 0.8)
        wood = modes(len(ring), (150, 320), (0.08, 0.05), (1, 0.6))
        grains.append(ring + 0.7 * wood)
    return overlay(n, starts, grains)


def glass_break(draws: ParameterDraws, n: int) -> Array:
    """A crack, then 15-45 shards: short high modes at times that thin out exponentially."""
    shards = draws.whole("shards", 15, 45)
    low = draws.log("low_hz", 1900, 3000)
    starts = np.sort(draws.rng.exponential(draws.uniform("spread_s", 0.12, 0.3), shards))
    grains = []
    for _ in starts:
        f = draws.rng.uniform(low, 6800)
        t60 = draws.rng.uniform(0.04, 0.25)
        grains.append(
            struck(draws, (f, min(7500, 1.31 * f)), (t60, 0.6 * t60), 0.3)
            * draws.rng.uniform(0.1, 0.7)
        )
    crash = unit(band(noise(draws.rng, n) * decay(n, 0.22), 1200, 7800))
    return crash + 0.6 * unit(overlay(n, starts, grains))


def church_bell(draws: ParameterDraws, n: int) -> Array:
    """A big bell: hum, prime, tierce (minor third), quint, nominal (0.5 1 1.2 1.5 2 2.67 4)."""
    prime = draws.log("prime_hz", 170, 420)
    ratios = np.array([0.5, 1, 1.2, 1.5, 2, 2.01, 2.67, 4, 5.3])
    t60s = np.array([5, 3.5, 3, 2, 2.2, 2.0, 1.2, 0.7, 0.4]) * draws.uniform("ring", 0.7, 1.2)
    gains = np.array([0.6, 0.8, 0.9, 0.3, 1, 0.7, 0.6, 0.5, 0.3])
    blow = modes(n, list(prime * ratios), list(t60s), list(gains * draws.rng.uniform(0.7, 1.2, 9)))
    starts = np.arange(0, n / RATE_HZ, draws.uniform("swing_s", 0.9, 1.8))
    return overlay(n, starts, [blow] * len(starts))


def bicycle_bell(draws: ParameterDraws, n: int) -> Array:
    """Tring-tring: a rattle of 22-30 quick strikes a second on a small dome of 2-3.4 kHz."""
    f = draws.log("dome_hz", 2000, 3300)
    one = modes(samples(0.7), (f, 1.006 * f, 2.2 * f), (0.6, 0.5, 0.2), (1, 0.6, 0.5))
    rate = draws.uniform("rattle_hz", 22, 30)
    rings = np.arange(0, n / RATE_HZ, draws.uniform("gap_s", 0.45, 0.75))[
        : draws.whole("rings", 1, 3)
    ]
    starts = (rings[:, None] + np.arange(5)[None, :] / rate).ravel()
    return overlay(n, starts, [one * draws.rng.uniform(0.6, 1) for _ in starts])


def wind_chimes(draws: ParameterDraws, n: int) -> Array:
    """Five tubes of a pentatonic set struck at random: free-bar modes 1 : 2.76 : 5.40."""
    base = draws.log("base_hz", 900, 1500)
    tubes = base * 2.0 ** (np.array([0, 2, 4, 7, 9]) / 12)
    starts = np.sort(draws.rng.uniform(0, n / RATE_HZ, draws.whole("strikes", 7, 16)))
    grains = []
    for _ in starts:
        f = float(draws.rng.choice(tubes))
        t60s = (1.1, 0.5, 0.2)
        grains.append(
            modes(samples(1.1), (f, 2.76 * f, 5.4 * f), t60s, (1, 0.5, 0.2))
            * draws.rng.uniform(0.2, 1)
        )
    return overlay(n, starts, grains)


def zipper(draws: ParameterDraws, n: int) -> Array:
    """One pull of 0.35-0.9 s: teeth at a rate that climbs from 60 to 300 a second, 2-6 kHz."""
    m = min(n, samples(draws.uniform("pull_s", 0.35, 0.9)))
    first, last = draws.log("first_hz", 60, 120), draws.log("last_hz", 180, 320)
    phase = np.cumsum(curve(m, (0, first), (0.7, last), (1, 0.8 * last))) / RATE_HZ
    teeth = np.exp(-6 * (phase % 1.0))
    body = band(noise(draws.rng, m), draws.log("low_hz", 1800, 2800), 6800) * teeth
    stop = 1.3 * unit(click(draws.rng, 800, 5000, 0.02))
    return overlay(
        n, (0.0, m / RATE_HZ), (unit(body) * curve(m, (0, 0.4), (0.8, 1), (1, 0.7)), stop)
    )


def toilet_flush(draws: ParameterDraws, n: int) -> Array:
    """A rush that opens at once and sinks in pitch, with gurgling bubbles in its second half."""
    rush = noise(draws.rng, n, 0.8)
    bright = band(rush, 500, 4500) * curve(n, (0, 0), (0.06, 1), (0.4, 0.7), (1, 0.05))
    dark = band(rush, 80, 600) * curve(n, (0, 0), (0.15, 0.7), (0.6, 1), (1, 0.3))
    count = draws.whole("gurgles", 12, 30)
    starts = np.sort(draws.rng.triangular(0.3, 0.75, 1.0, count)) * n / RATE_HZ
    gurgle = overlay(n, starts, [bubble(f, 0.4) for f in draws.rng.uniform(180, 480, count)])
    return unit(bright) + unit(dark) + draws.uniform("gurgle", 0.5, 1.0) * unit(gurgle)


def gunshot(draws: ParameterDraws, n: int) -> Array:
    """One or a few shots: a full-band bang of 30 ms, a 70 Hz push, and an echo off the hills."""
    shots = draws.whole("shots", 1, 3)
    echo = draws.uniform("echo_s", 0.15, 0.35)
    out = np.zeros(n)
    for k in range(shots):
        at = min(n - 1, samples(0.001 + k * draws.rng.uniform(0.4, 0.6)))
        m = n - at
        bang = noise(draws.rng, m) * decay(m, draws.rng.uniform(0.08, 0.14), 0.0005)
        tail = band(noise(draws.rng, m, 1.0) * decay(m, 0.7), 80, 1200)
        push = modes(m, (70,), (0.15,), (1,))
        shot = unit(bang) + 0.5 * push + 0.3 * unit(tail)
        out[at:] += shot
        late = min(m - 1, samples(echo))
        out[at + late :] += 0.25 * band(shot, 0, 1200)[: m - late]
    return out


def fireworks(draws: ParameterDraws, n: int) -> Array:
    """A rocket whistles up, bursts with a deep boom, and showers crackling stars."""
    up = draws.uniform("climb_s", 0.35, 0.7)
    m = samples(up)
    path = curve(m, (0, draws.log("whistle_hz", 900, 1400)), (1, draws.log("top_hz", 2200, 3200)))
    whistle = 0.25 * sine(path * wander(draws.rng, m, 40, 0.99, 1.01), m) * swell(m, 0.3, 0.05)
    rest = max(1, n - m)
    boom = unit(band(noise(draws.rng, rest, 1.5) * decay(rest, 0.5), 30, 400))
    stars = poisson(draws.rng, rest, draws.uniform("stars_hz", 40, 110)) * decay(rest, 1.6, 0.15)
    return overlay(n, (0.0, up), (whistle, boom + 0.5 * unit(band(stars, 1500, 7000))))


def ball_bounce(draws: ParameterDraws, n: int) -> Array:
    """A dropped ball: gaps and blows shrink by the restitution e at each bounce (t_k = t_0 e^k)."""
    gap = draws.uniform("first_gap_s", 0.38, 0.6)
    e = draws.uniform("restitution", 0.68, 0.84)
    f = draws.log("body_hz", 260, 480)
    steps = gap * e ** np.arange(14)
    starts = np.concatenate([[0.0], np.cumsum(steps)])
    one = modes(samples(0.12), (f, 2.3 * f), (0.1, 0.05), (1, 0.35))
    slap = 0.3 * unit(click(draws.rng, 500, 3000, 0.008))
    one[: len(slap)] += slap
    return overlay(n, starts, [one * e**k for k in range(len(starts))])


def coin_drop(draws: ParameterDraws, n: int) -> Array:
    """A coin falls, bounces and spins down: high inharmonic modes, ever faster and softer."""
    f = draws.log("coin_hz", 3200, 4800)
    gap = draws.uniform("first_gap_s", 0.18, 0.32)
    e = draws.uniform("restitution", 0.78, 0.88)
    starts = np.concatenate([[0.0], np.cumsum(gap * e ** np.arange(24))])
    grains = []
    for k, _ in enumerate(starts):
        g = f * draws.rng.uniform(0.97, 1.03)
        grains.append(struck(draws, (g, 1.38 * g, 1.62 * g), (0.25, 0.2, 0.12), 0.2) * 0.88**k)
    return overlay(n, starts, grains)


def paper_crumple(draws: ParameterDraws, n: int) -> Array:
    """Paper: thousands of snaps of heavy-tailed strengths, gathered in squeezes."""
    squeeze = wander(draws.rng, n, draws.uniform("squeeze_hz", 3, 7), 0.0, 1.0) ** 2
    snaps = poisson(draws.rng, n, draws.log("snaps_hz", 400, 1200)) * squeeze
    return band(snaps, draws.log("low_hz", 900, 1800), 7500) + 0.02 * noise(draws.rng, n) * squeeze


def cork_pop(draws: ParameterDraws, n: int) -> Array:
    """Corks drawn: each pop is an air-column tone that jumps up and dies in 60 ms."""
    f = draws.log("neck_hz", 350, 650)
    starts = beats(draws, n, draws.uniform("rate_hz", 0.8, 1.6), 0.2)
    grains = []
    for _ in starts:
        m = samples(0.15)
        path = f * draws.rng.uniform(0.9, 1.1) * curve(m, (0, 0.7), (0.08, 1.2), (1, 1.3))
        pop = sine(path, m) * decay(m, 0.09, 0.002)
        burst = 0.25 * unit(click(draws.rng, 300, 3000, 0.02))
        pop[: len(burst)] += burst
        grains.append(pop)
    return overlay(n, starts, grains)


def camera_shutter(draws: ParameterDraws, n: int) -> Array:
    """Mirror up, curtain, mirror down: two clattering clicks around a short motor whirr."""
    gap = draws.uniform("exposure_s", 0.09, 0.16)
    motor = draws.log("motor_hz", 1100, 1700)
    m = samples(0.22)
    whirr = 0.3 * (0.6 + 0.4 * sine(90, m)) * sine(motor, m) * swell(m, 0.1, 0.2)
    shots = beats(draws, n, draws.uniform("rate_hz", 1.2, 2.2), 0.15)
    grains = []
    for _ in shots:
        up, down = (unit(click(draws.rng, 900, 6500, 0.03)) for _ in range(2))
        grains.append(overlay(samples(0.5), (0.0, gap, gap + 0.03), (up, 0.8 * down, whirr)))
    return overlay(n, shots, grains)


def heartbeat(draws: ParameterDraws, n: int) -> Array:
    """Lub-dub at 60-110 a minute: two soft thuds of 52-104 Hz, the second higher and shorter."""
    rate = draws.uniform("rate_hz", 1.0, 1.85)
    f = draws.log("thud_hz", 52, 80)
    starts = np.arange(0.02, n / RATE_HZ, 1 / rate)
    m = samples(0.16)
    lub = sine(f, m) * swell(m, 0.3, 0.6)
    dub = 0.7 * sine(1.3 * f, samples(0.11)) * swell(samples(0.11), 0.3, 0.6)
    beating = overlay(n, starts, [lub] * len(starts))
    beating += overlay(n, starts + 0.32 / rate, [dub] * len(starts))
    pulse = 1 + sine(rate, n)
    return beating + 0.004 * band(noise(draws.rng, n, 1.0), 100, 400) * pulse


MODELS: dict[str, Sound] = {
    "door knock": door_knock,
    "footsteps": footsteps,
    "clock tick": clock_tick,
    "keyboard typing": keyboard_typing,
    "mouse click": mouse_click,
    "typewriter": typewriter,
    "hammer": hammer,
    "glass break": glass_break,
    "church bell": church_bell,
    "bicycle bell": bicycle_bell,
    "wind chimes": wind_chimes,
    "zipper": zipper,
    "toilet flush": toilet_flush,
    "gunshot": gunshot,
    "fireworks": fireworks,
    "ball bounce": ball_bounce,
    "coin drop": coin_drop,
    "paper crumple": paper_crumple,
    "cork pop": cork_pop,
    "camera shutter": camera_shutter,
    "heartbeat": heartbeat,
}
