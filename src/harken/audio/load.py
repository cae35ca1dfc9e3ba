"""Clips to samples, scenes to samples, samples to encoded bytes.

Of a scene any window and the channels that are asked for are made, at constant memory. A scene
whose gain is a constant of its plan is made from the parts that are heard in the window, and from
no others. Where the gain is left to the highest peak of the scene, all of it is made first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ, Clip, ScenePlan
from harken.audio.codec import Samples, encode, encode_float, write_bytes
from harken.audio.heard import HeardSamples
from harken.audio.single import clear_loaded, load_single
from harken.audio.source import EncodedSource, clear_sources, read_source, shaped
from harken.audio.space.layouts import AMBISONIC
from harken.audio.stems import clear_stems, reach, scene_channels, stem
from harken.errors import AudioError

BLOCK_S = 10.0
"""Scenes are gone through in blocks of so many seconds."""


def load(clip: Clip, rate_hz: int = RATE_HZ, mono: bool = True) -> Samples:
    """The samples of a clip.

    Args:
        clip: the clip.
        rate_hz: the rate of the result; the source is resampled by soxr if it has another.
        mono: average all channels; of a scene as `render` has it.

    Returns:
        float32 (n,) if `mono`, else (channels, n), with n = round(length * rate_hz). The array is
        the caller's own.

    Raises:
        AudioError: with one of `harken.audio.probe.REASONS`, such as ``hash-mismatch``.
    """
    if clip.plan is not None and clip.kind != "shard":  # a shard holds the rendered audio
        scene = render(clip.plan, clip.start_s, clip.duration_s, mono)
        sound, _ = shaped(np.atleast_2d(scene), clip.plan.rate_hz, rate_hz, mono)
        return np.array(sound[0] if mono else sound)
    return load_single(clip, rate_hz, mono)


def require_heard(clip: Clip, known: set[str] | None = None) -> None:
    """Refuse a clip in which nothing is heard, or in any part of its scene.

    A clip of the kind ``silence`` is meant to be silent, noise and notes are loud enough.
    `known` has the keys of files that were heard before, which are not decoded again, and gets
    those of this call.

    Raises:
        AudioError: ``silent`` or ``too-short``, or any reason why it cannot be loaded.
    """
    if clip.kind in ("silence", "noise", "note"):
        return
    if clip.plan is not None and clip.kind != "shard":
        for number, part in enumerate(clip.plan.parts):
            require_inside(clip.plan, number)
            require_heard(part.clip, known)
        return
    if known is not None and clip.key in known:
        return
    row = clip.row if clip.kind == "shard" else -1
    source = EncodedSource(clip.path, row, clip.slot, clip.start_s, clip.duration_s, clip.sha256)
    samples, rate = read_source(source)
    heard = HeardSamples(hashed=False)
    if samples.size:
        heard.take(samples.T, rate)
    try:
        heard.require()
    except AudioError as error:
        raise AudioError(error.reason, error.found, where=clip.path) from None
    if known is not None:
        known.add(clip.key)


def render(
    plan: ScenePlan, start_s: float = 0.0, length_s: float | None = None, mono: bool = True
) -> Samples:
    """Render a window of a scene: a pure function of the plan.

    Every part is loaded at the plan's rate, cut at the end of the scene, faded in and out linearly
    to avoid clicks, placed, scaled by its gain and added at its start. Then the whole is scaled by
    the plan's gain; without one by 1 over the highest peak of the scene, if that is above 1, so
    that relative levels are kept.

    Args:
        plan: the scene.
        start_s: where the window begins.
        length_s: its length; None: to the end.
        mono: what is heard alike from all directions: the first channel of ambisonics, and the
            average of other channels.

    Returns:
        float32 (n,) if `mono`, else (channels, n).

    Raises:
        AudioError: ``bad-plan`` for a part outside the scene, ``out-of-span`` for a window that is,
            or a clip's own reason.
    """
    total = round(plan.duration_s * plan.rate_hz)
    first = round(start_s * plan.rate_hz)
    count = total - first if length_s is None else round(length_s * plan.rate_hz)
    missing = first + count - total
    if first < 0 or count < 0 or missing > plan.rate_hz // 100:
        found = f"the span {start_s:g} s + {count / plan.rate_hz:g} s lies outside the scene"
        raise AudioError("out-of-span", f"{found} of {plan.duration_s:g} s")
    stop = min(first + count, total)
    if plan.gain_db is None:
        whole = mixed(plan, 0, total, mono)
        peak = float(np.max(np.abs(whole), initial=0.0))
        scene = (whole / peak if peak > 1.0 else whole)[:, first:stop]
    else:
        scene = mixed(plan, first, stop, mono)
        scene *= 10.0 ** (plan.gain_db / 20.0)
    if missing > 0:
        scene = np.pad(scene, ((0, 0), (0, missing)))
    samples = scene.astype(np.float32)
    return samples[0] if mono else samples


def mixed(plan: ScenePlan, start: int, stop: int, mono: bool) -> NDArray[np.float64]:
    """Samples start to stop of the sum of all parts, before the gain of the whole.

    Returns:
        (channels, stop - start); one channel if `mono`.
    """
    layout = "mono" if mono and plan.layout in ("mono", *AMBISONIC) else plan.layout
    channels = 1 if layout == "mono" and mono else scene_channels(plan)
    scene = np.zeros((channels, stop - start), np.float64)
    for number in range(len(plan.parts)):
        require_inside(plan, number)
        low, high = reach(plan, number, layout)
        low, high = max(low, start), min(high, stop)
        if low >= high:
            continue
        heard = layout if mono or plan.layout != "mono" else "own"
        scene[:, low - start : high - start] += stem(plan, number, low, high, heard, load)
    return scene.mean(axis=0, keepdims=True) if mono and channels > 1 else scene


def blocks(plan: ScenePlan, mono: bool = False) -> Iterator[Samples]:
    """The whole scene in blocks of `BLOCK_S` seconds: (channels, at most so many samples)."""
    total = round(plan.duration_s * plan.rate_hz)
    step = round(BLOCK_S * plan.rate_hz)
    for first in range(0, total, step):
        length = min(step, total - first) / plan.rate_hz
        found = render(plan, first / plan.rate_hz, length, mono)
        yield found[None, :] if mono else found


def require_inside(plan: ScenePlan, number: int) -> None:
    """Raise AudioError ``bad-plan`` if a part begins outside its scene."""
    at_s = plan.parts[number].at_s
    if not 0 <= round(at_s * plan.rate_hz) <= round(plan.duration_s * plan.rate_hz):
        found = f"part {number} begins at {at_s:g} s in a scene of {plan.duration_s:g} s"
        raise AudioError("bad-plan", found, hint="Place every part inside the scene.")


def encode_flac(samples: Samples, rate_hz: int) -> bytes:
    """16-bit FLAC of (n,) or (channels, n); the same samples give the same bytes."""
    return encode(samples, rate_hz, "FLAC")


def encode_wav(samples: Samples, rate_hz: int) -> bytes:
    """16-bit WAV of (n,) or (channels, n); the same samples give the same bytes."""
    return encode(samples, rate_hz, "WAV")


def write_wav(path: str | os.PathLike[str], samples: Samples, rate_hz: int) -> None:
    """Write 16-bit WAV atomically; float WAV if samples are beyond full scale."""
    beyond = float(np.max(np.abs(samples), initial=0.0)) > 1.0
    write_bytes(path, encode_float(samples, rate_hz) if beyond else encode_wav(samples, rate_hz))


def clear_cache() -> None:
    """Clear all caches of decoded audio."""
    clear_loaded()
    clear_stems()
    clear_sources()
