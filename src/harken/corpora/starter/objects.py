"""Things that are struck, broken, typed on or fired, for the starter corpus.

Struck things are sums of damped modes (van den Doel & Pai 1998) hit by a short noise burst; the
ratios of the modes say what they are made of (bars 1 : 2.76 : 5.40, church bells after Lehr's
partials). What tells two of them apart is the rhythm as much as the timbre.
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
    poisson,
    samples,
    sine,
    swell,
    unit,
    wander,
)
from harken.corpora.starter.dsp import place as lay


def struck(
    dice: ParameterDraws, freqs_hz: Sequence[float], t60s: Sequence[float], hit: float
) -> Array:
    """One blow: modes of slightly random gains, and a `hit` share of band noise in front."""
    gains = dice.rng.uniform(0.5, 1.0, len(freqs_hz)) / np.arange(1, len(freqs_hz) + 1) ** 0.7
    body = unit(modes(samples(1.1 * max(t60s)), freqs_hz, t60s, list(gains)))
    tap = hit * unit(click(dice.rng, 400, 6000, 0.01))
    body[: min(len(tap), len(body))] += tap[: len(body)]
    return body


def door_knock(dice: ParameterDraws, n: int) -> Array:
    """Two to six quick knocks on wood: low, dull modes at 130-260 Hz that die within 0.1 s."""
    f = dice.log("panel_hz", 130, 260)
    rate = dice.uniform("rate_hz", 3.6, 6.0)
    starts = beats(dice, n, rate, 0.08)[: dice.whole("knocks", 2, 6)]
    ratios = np.array([1, 1.6, 2.4, 3.3, 4.9])
    grains = [
        struck(dice, list(f * ratios), (0.12, 0.1, 0.07, 0.05, 0.03), 0.25)
        * dice.rng.uniform(0.7, 1)
        for _ in starts
    ]
    return lay(n, starts, grains)


def footsteps(dice: ParameterDraws, n: int) -> Array:
    """Steps, 1.6-2.4 a second: a heel thud under 120 Hz, then a gritty sole 60-110 ms later."""
    rate = dice.uniform("rate_hz", 1.6, 2.4)
    grit = dice.log("grit_hz", 900, 2400)
    lag = dice.uniform("heel_to_toe_s", 0.06, 0.11)
    starts = beats(dice, n, rate, 0.05)
    grains = []
    for _ in starts:
        m = samples(0.3)
        heel = modes(m, (65, 105), (0.12, 0.09), (1, 0.7)) * dice.rng.uniform(0.8, 1)
        sole = band(noise(dice.rng, m), grit, 2.2 * grit) * swell(m, 0.3, 0.7)
        crunch = poisson(dice.rng, m, 250) * swell(m, 0.3, 0.6)
        toe = unit(sole) * 0.35 + 0.45 * unit(band(crunch, grit, 6000))
        grains.append(
            lay(m, (0.0, lag), (heel, toe[: samples(0.15)] * curve(samples(0.15), (0, 1), (1, 0))))
        )
    return lay(n, starts, grains)


def clock_tick(dice: ParameterDraws, n: int) -> Array:
    """Tick-tock, 2-4 a second, exact: two short high-Q clicks of different pitch in turn."""
    f = dice.log("case_hz", 1700, 3300)
    tock = dice.uniform("tock", 0.75, 0.92)
    pair = [
        struck(dice, (a * f, 1.53 * a * f, 2.1 * a * f), (0.03, 0.02, 0.012), 0.3)
        for a in (1.0, tock)
    ]
    starts = np.arange(0, n / RATE_HZ, 1 / dice.uniform("rate_hz", 2.0, 4.0))
    return lay(n, starts, [pair[k % 2] for k in range(len(starts))])


def keyboard_typing(dice: ParameterDraws, n: int) -> Array:
    """Soft irregular keys, 6-11 a second: a press thump and a lighter release 60-90 ms later."""
    tone = dice.log("key_hz", 1300, 2600)
    starts = beats(dice, n, dice.uniform("rate_hz", 6, 11), 0.8)
    down, up = [], []
    for _ in starts:
        press = unit(click(dice.rng, tone, 2.6 * tone, 0.018))
        thump = 0.5 * modes(len(press), (230,), (0.02,), (1,))
        down.append((press + thump) * dice.rng.uniform(0.4, 1.0))
        up.append(0.35 * unit(click(dice.rng, 1.4 * tone, 3 * tone, 0.009)))
    return lay(n, starts, down) + lay(n, starts + dice.uniform("hold_s", 0.06, 0.09), up)


def mouse_click(dice: ParameterDraws, n: int) -> Array:
    """Single or double clicks of a small switch: press and release, very short, 2.5-6 kHz."""
    f = dice.log("switch_hz", 2600, 4200)
    double = dice.pick("kind", ("single", "double"))
    hold = dice.uniform("hold_s", 0.05, 0.1)
    first = beats(dice, n, dice.uniform("rate_hz", 1.0, 1.8), 0.3)
    starts = first if double == "single" else np.sort(np.concatenate([first, first + 0.19]))
    press = [struck(dice, (f, 1.7 * f), (0.006, 0.004), 0.5) for _ in starts]
    return lay(n, starts, press) + 0.6 * lay(n, starts + hold, press)


def typewriter(dice: ParameterDraws, n: int) -> Array:
    """Hard type bars, 4-7 a second, ringing in a steel frame; often the margin bell at the end."""
    f = dice.log("frame_hz", 900, 1500)
    starts = beats(dice, n, dice.uniform("rate_hz", 4, 7), 0.5)
    grains = []
    for _ in starts:
        blow = struck(dice, (f, 1.9 * f, 2.7 * f, 4.1 * f), (0.06, 0.05, 0.04, 0.03), 1.0)
        lever = 0.25 * unit(click(dice.rng, 2000, 7000, 0.006))
        grains.append(lay(samples(0.12), (0.0, 0.035), (lever, blow)) * dice.rng.uniform(0.6, 1))
    out = lay(n, starts, grains)
    if dice.pick("margin_bell", ("yes", "no")) == "yes":
        out += lay(
            n,
            (0.75 * n / RATE_HZ,),
            (0.6 * modes(samples(0.6), (2650, 5400), (0.5, 0.3), (1, 0.4)),),
        )
    return out


def hammer(dice: ParameterDraws, n: int) -> Array:
    """A nail is driven: 2-3 blows a second that ring metallic and rise in pitch as it goes in."""
    f = dice.log("nail_hz", 900, 1700)
    rise = dice.uniform("rise", 1.02, 1.07)
    starts = beats(dice, n, dice.uniform("rate_hz", 2.0, 3.2), 0.05)
    grains = []
    for k, _ in enumerate(starts):
        g = f * rise**k
        ring = struck(dice, (g, 2.3 * g, 3.7 * g), (0.16, 0.12, 0.08), 0.8)
        wood = modes(len(ring), (150, 320), (0.08, 0.05), (1, 0.6))
        grains.append(ring + 0.7 * wood)
    return lay(n, starts, grains)


def glass_break(dice: ParameterDraws, n: int) -> Array:
    """A crack, then 15-45 shards: short high modes at times that thin out exponentially."""
    shards = dice.whole("shards", 15, 45)
    low = dice.log("low_hz", 1900, 3000)
    starts = np.sort(dice.rng.exponential(dice.uniform("spread_s", 0.12, 0.3), shards))
    grains = []
    for _ in starts:
        f = dice.rng.uniform(low, 6800)
        t60 = dice.rng.uniform(0.04, 0.25)
        grains.append(
            struck(dice, (f, min(7500, 1.31 * f)), (t60, 0.6 * t60), 0.3)
            * dice.rng.uniform(0.1, 0.7)
        )
    crash = unit(band(noise(dice.rng, n) * decay(n, 0.22), 1200, 7800))
    return crash + 0.6 * unit(lay(n, starts, grains))


def church_bell(dice: ParameterDraws, n: int) -> Array:
    """A big bell: hum, prime, tierce (minor third), quint, nominal (0.5 1 1.2 1.5 2 2.67 4)."""
    prime = dice.log("prime_hz", 170, 420)
    ratios = np.array([0.5, 1, 1.2, 1.5, 2, 2.01, 2.67, 4, 5.3])
    t60s = np.array([5, 3.5, 3, 2, 2.2, 2.0, 1.2, 0.7, 0.4]) * dice.uniform("ring", 0.7, 1.2)
    gains = np.array([0.6, 0.8, 0.9, 0.3, 1, 0.7, 0.6, 0.5, 0.3])
    blow = modes(n, list(prime * ratios), list(t60s), list(gains * dice.rng.uniform(0.7, 1.2, 9)))
    starts = np.arange(0, n / RATE_HZ, dice.uniform("swing_s", 0.9, 1.8))
    return lay(n, starts, [blow] * len(starts))


def bicycle_bell(dice: ParameterDraws, n: int) -> Array:
    """Tring-tring: a rattle of 22-30 quick strikes a second on a small dome of 2-3.4 kHz."""
    f = dice.log("dome_hz", 2000, 3300)
    one = modes(samples(0.7), (f, 1.006 * f, 2.2 * f), (0.6, 0.5, 0.2), (1, 0.6, 0.5))
    rate = dice.uniform("rattle_hz", 22, 30)
    rings = np.arange(0, n / RATE_HZ, dice.uniform("gap_s", 0.45, 0.75))[
        : dice.whole("rings", 1, 3)
    ]
    starts = (rings[:, None] + np.arange(5)[None, :] / rate).ravel()
    return lay(n, starts, [one * dice.rng.uniform(0.6, 1) for _ in starts])


def wind_chimes(dice: ParameterDraws, n: int) -> Array:
    """Five tubes of a pentatonic set struck at random: free-bar modes 1 : 2.76 : 5.40."""
    base = dice.log("base_hz", 900, 1500)
    tubes = base * 2.0 ** (np.array([0, 2, 4, 7, 9]) / 12)
    starts = np.sort(dice.rng.uniform(0, n / RATE_HZ, dice.whole("strikes", 7, 16)))
    grains = []
    for _ in starts:
        f = float(dice.rng.choice(tubes))
        t60s = (1.1, 0.5, 0.2)
        grains.append(
            modes(samples(1.1), (f, 2.76 * f, 5.4 * f), t60s, (1, 0.5, 0.2))
            * dice.rng.uniform(0.2, 1)
        )
    return lay(n, starts, grains)


def zipper(dice: ParameterDraws, n: int) -> Array:
    """One pull of 0.35-0.9 s: teeth at a rate that climbs from 60 to 300 a second, 2-6 kHz."""
    m = min(n, samples(dice.uniform("pull_s", 0.35, 0.9)))
    first, last = dice.log("first_hz", 60, 120), dice.log("last_hz", 180, 320)
    phase = np.cumsum(curve(m, (0, first), (0.7, last), (1, 0.8 * last))) / RATE_HZ
    teeth = np.exp(-6 * (phase % 1.0))
    body = band(noise(dice.rng, m), dice.log("low_hz", 1800, 2800), 6800) * teeth
    stop = 1.3 * unit(click(dice.rng, 800, 5000, 0.02))
    return lay(n, (0.0, m / RATE_HZ), (unit(body) * curve(m, (0, 0.4), (0.8, 1), (1, 0.7)), stop))


def toilet_flush(dice: ParameterDraws, n: int) -> Array:
    """A rush that opens at once and sinks in pitch, with gurgling bubbles in its second half."""
    rush = noise(dice.rng, n, 0.8)
    bright = band(rush, 500, 4500) * curve(n, (0, 0), (0.06, 1), (0.4, 0.7), (1, 0.05))
    dark = band(rush, 80, 600) * curve(n, (0, 0), (0.15, 0.7), (0.6, 1), (1, 0.3))
    count = dice.whole("gurgles", 12, 30)
    starts = np.sort(dice.rng.triangular(0.3, 0.75, 1.0, count)) * n / RATE_HZ
    gurgle = lay(n, starts, [bubble(f, 0.4) for f in dice.rng.uniform(180, 480, count)])
    return unit(bright) + unit(dark) + dice.uniform("gurgle", 0.5, 1.0) * unit(gurgle)


def gunshot(dice: ParameterDraws, n: int) -> Array:
    """One or a few shots: a full-band bang of 30 ms, a 70 Hz push, and an echo off the hills."""
    shots = dice.whole("shots", 1, 3)
    echo = dice.uniform("echo_s", 0.15, 0.35)
    out = np.zeros(n)
    for k in range(shots):
        at = min(n - 1, samples(0.001 + k * dice.rng.uniform(0.4, 0.6)))
        m = n - at
        bang = noise(dice.rng, m) * decay(m, dice.rng.uniform(0.08, 0.14), 0.0005)
        tail = band(noise(dice.rng, m, 1.0) * decay(m, 0.7), 80, 1200)
        push = modes(m, (70,), (0.15,), (1,))
        shot = unit(bang) + 0.5 * push + 0.3 * unit(tail)
        out[at:] += shot
        late = min(m - 1, samples(echo))
        out[at + late :] += 0.25 * band(shot, 0, 1200)[: m - late]
    return out


def fireworks(dice: ParameterDraws, n: int) -> Array:
    """A rocket whistles up, bursts with a deep boom, and showers crackling stars."""
    up = dice.uniform("climb_s", 0.35, 0.7)
    m = samples(up)
    path = curve(m, (0, dice.log("whistle_hz", 900, 1400)), (1, dice.log("top_hz", 2200, 3200)))
    whistle = 0.25 * sine(path * wander(dice.rng, m, 40, 0.99, 1.01), m) * swell(m, 0.3, 0.05)
    rest = max(1, n - m)
    boom = unit(band(noise(dice.rng, rest, 1.5) * decay(rest, 0.5), 30, 400))
    stars = poisson(dice.rng, rest, dice.uniform("stars_hz", 40, 110)) * decay(rest, 1.6, 0.15)
    return lay(n, (0.0, up), (whistle, boom + 0.5 * unit(band(stars, 1500, 7000))))


def ball_bounce(dice: ParameterDraws, n: int) -> Array:
    """A dropped ball: gaps and blows shrink by the restitution e at each bounce (t_k = t_0 e^k)."""
    gap = dice.uniform("first_gap_s", 0.38, 0.6)
    e = dice.uniform("restitution", 0.68, 0.84)
    f = dice.log("body_hz", 260, 480)
    steps = gap * e ** np.arange(14)
    starts = np.concatenate([[0.0], np.cumsum(steps)])
    one = modes(samples(0.12), (f, 2.3 * f), (0.1, 0.05), (1, 0.35))
    slap = 0.3 * unit(click(dice.rng, 500, 3000, 0.008))
    one[: len(slap)] += slap
    return lay(n, starts, [one * e**k for k in range(len(starts))])


def coin_drop(dice: ParameterDraws, n: int) -> Array:
    """A coin falls, bounces and spins down: high inharmonic modes, ever faster and softer."""
    f = dice.log("coin_hz", 3200, 4800)
    gap = dice.uniform("first_gap_s", 0.18, 0.32)
    e = dice.uniform("restitution", 0.78, 0.88)
    starts = np.concatenate([[0.0], np.cumsum(gap * e ** np.arange(24))])
    grains = []
    for k, _ in enumerate(starts):
        g = f * dice.rng.uniform(0.97, 1.03)
        grains.append(struck(dice, (g, 1.38 * g, 1.62 * g), (0.25, 0.2, 0.12), 0.2) * 0.88**k)
    return lay(n, starts, grains)


def paper_crumple(dice: ParameterDraws, n: int) -> Array:
    """Paper: thousands of snaps of heavy-tailed strengths, gathered in squeezes."""
    squeeze = wander(dice.rng, n, dice.uniform("squeeze_hz", 3, 7), 0.0, 1.0) ** 2
    snaps = poisson(dice.rng, n, dice.log("snaps_hz", 400, 1200)) * squeeze
    return band(snaps, dice.log("low_hz", 900, 1800), 7500) + 0.02 * noise(dice.rng, n) * squeeze


def cork_pop(dice: ParameterDraws, n: int) -> Array:
    """Corks drawn: each pop is an air-column tone that jumps up and dies in 60 ms."""
    f = dice.log("neck_hz", 350, 650)
    starts = beats(dice, n, dice.uniform("rate_hz", 0.8, 1.6), 0.2)
    grains = []
    for _ in starts:
        m = samples(0.15)
        path = f * dice.rng.uniform(0.9, 1.1) * curve(m, (0, 0.7), (0.08, 1.2), (1, 1.3))
        pop = sine(path, m) * decay(m, 0.09, 0.002)
        burst = 0.25 * unit(click(dice.rng, 300, 3000, 0.02))
        pop[: len(burst)] += burst
        grains.append(pop)
    return lay(n, starts, grains)


def camera_shutter(dice: ParameterDraws, n: int) -> Array:
    """Mirror up, curtain, mirror down: two clattering clicks around a short motor whirr."""
    gap = dice.uniform("exposure_s", 0.09, 0.16)
    motor = dice.log("motor_hz", 1100, 1700)
    m = samples(0.22)
    whirr = 0.3 * (0.6 + 0.4 * sine(90, m)) * sine(motor, m) * swell(m, 0.1, 0.2)
    shots = beats(dice, n, dice.uniform("rate_hz", 1.2, 2.2), 0.15)
    grains = []
    for _ in shots:
        up, down = (unit(click(dice.rng, 900, 6500, 0.03)) for _ in range(2))
        grains.append(lay(samples(0.5), (0.0, gap, gap + 0.03), (up, 0.8 * down, whirr)))
    return lay(n, shots, grains)


def heartbeat(dice: ParameterDraws, n: int) -> Array:
    """Lub-dub at 60-110 a minute: two soft thuds of 52-104 Hz, the second higher and shorter."""
    rate = dice.uniform("rate_hz", 1.0, 1.85)
    f = dice.log("thud_hz", 52, 80)
    starts = np.arange(0.02, n / RATE_HZ, 1 / rate)
    m = samples(0.16)
    lub = sine(f, m) * swell(m, 0.3, 0.6)
    dub = 0.7 * sine(1.3 * f, samples(0.11)) * swell(samples(0.11), 0.3, 0.6)
    beating = lay(n, starts, [lub] * len(starts))
    beating += lay(n, starts + 0.32 / rate, [dub] * len(starts))
    pulse = 1 + sine(rate, n)
    return beating + 0.004 * band(noise(dice.rng, n, 1.0), 100, 400) * pulse


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
