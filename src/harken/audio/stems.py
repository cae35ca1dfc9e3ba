"""The parts of a scene one by one: each as it is heard in the scene.

A short part is decoded and placed as a whole and kept for a while, since it is measured when a
scene is planned and again when it is rendered. Of a long one only the samples that are asked for
are made.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.codec import Samples, open_regular
from harken.audio.container import read_header
from harken.audio.content import content_key
from harken.audio.packed import packed_bytes
from harken.audio.probe import identify, probe
from harken.audio.single import duration_s, span
from harken.audio.space.layouts import AMBISONIC, CHANNELS
from harken.audio.space.responses import convolved, response_size
from harken.audio.tempo import changed
from harken.cache import LruCache
from harken.errors import AudioError

LONG_S = 30.0
"""Parts over this length, in seconds, are made by the span; shorter ones as a whole."""

SLACK = 2
"""Samples by which the length of a part is known at most too long before it is decoded."""

MARGIN_S = 0.25
"""What is decoded before and after a span that is resampled, in seconds."""

Load = Callable[[Clip, int, bool], Samples]
"""(clip, rate, mono) -> samples; what a scene is made with."""

_stems: LruCache[Samples] = LruCache(256 << 20)
_channels: LruCache[int] = LruCache(1 << 20)


def clear_stems() -> None:
    """Clear the cache of placed parts."""
    _stems.clear()


def channels_of(clip: Clip) -> int:
    """Channels of what `clip` refers to; 1 for silence, noise and notes."""
    if clip.kind in ("silence", "noise", "note"):
        return 1
    if clip.plan is not None and clip.kind != "shard":
        return scene_channels(clip.plan)
    try:
        state = os.stat(clip.path)
    except (OSError, ValueError):
        raise AudioError("missing", "there is no such file", where=clip.path) from None
    key = (clip.path, clip.row, clip.slot, state.st_ino, state.st_size, state.st_mtime_ns)
    held = _channels.get(key)
    if held is None:
        if clip.kind == "shard":
            data = packed_bytes(clip.path, clip.row, clip.slot)
            held = read_header(io.BytesIO(data), identify(data[:512]), len(data)).channels
        else:
            with open_regular(clip.path) as file:
                format = identify(file.read(512))
                held = read_header(file, format, state.st_size).channels
            held = held or probe(clip.path).channels  # where only the decoder knows
        _channels.put(key, held, 200)
    return held


def scene_channels(plan: ScenePlan) -> int:
    """Channels of a scene: those of its layout; of ``mono`` the most that a part of it has."""
    if plan.layout == "array":
        return len(plan.mics)
    if plan.layout != "mono":
        return CHANNELS[plan.layout]
    return max((channels_of(part.clip) for part in plan.parts if not part.path), default=1)


def part_length(plan: ScenePlan, part: Part) -> int:
    """Samples of a part in its scene, at whose end it is cut; at most `SLACK` more than it has.

    How many it has depends on the rate of its source, which is known when it is decoded.
    """
    whole = round(duration_s(part.clip) / part.tempo * plan.rate_hz) + SLACK
    return max(0, min(whole, round(plan.duration_s * plan.rate_hz) - first_of(plan, part)))


def first_of(plan: ScenePlan, part: Part) -> int:
    """The sample at which a part begins."""
    return round(part.at_s * plan.rate_hz)


def dry(
    plan: ScenePlan, part: Part, start: int, stop: int, mono: bool, load: Load
) -> NDArray[np.float64]:
    """Samples start to stop of a part, from its own beginning, with its gain and fades, unplaced.

    Returns:
        (channels of the source, or 1 if `mono`, stop - start).
    """
    count, rate = part_length(plan, part), plan.rate_hz
    other = part.pitch != 0.0 or part.tempo != 1.0
    if count > LONG_S * rate and not other and part.clip.kind not in ("noise", "note"):
        found = _span(part.clip, rate, start, stop, mono, load)
        count = min(count, round(duration_s(part.clip) * rate))
    else:
        found = _loaded(part.clip, rate, mono, load)
        found = changed(found, rate, part.pitch, part.tempo) if other else found
        count = min(count, found.shape[1])
        found = found[:, start:stop]
    sound = np.zeros((found.shape[0], stop - start))
    gain = 10.0 ** (part.gain_db / 20.0)
    np.multiply(found, gain, out=sound[:, : found.shape[1]], dtype=np.float64)
    fade = min(round(part.fade_s * rate), count // 2)
    if fade > 0:
        head, tail, end = min(stop, fade), max(start, count - fade), min(stop, count)
        if start < head:
            sound[:, : head - start] *= (np.arange(start, head) + 0.5) / fade
        if tail < end:
            sound[:, tail - start : end - start] *= (count - np.arange(tail, end) - 0.5) / fade
        sound[:, max(0, end - start) :] = 0.0
    return sound


def _loaded(clip: Clip, rate_hz: int, mono: bool, load: Load) -> Samples:
    found = load(clip, rate_hz, mono)
    return found[None, :] if mono else found


def _span(clip: Clip, rate_hz: int, start: int, stop: int, mono: bool, load: Load) -> Samples:
    """A span of a long clip, whose samples are those of the whole: cut at whole seconds."""
    whole = duration_s(clip)
    begin = max(0, math.floor(start / rate_hz - MARGIN_S))
    end = min(whole, math.ceil(stop / rate_hz + MARGIN_S))
    piece = _loaded(span(clip, float(begin), end - begin), rate_hz, mono, load)
    return piece[:, start - begin * rate_hz : stop - begin * rate_hz]


def stem(
    plan: ScenePlan, number: int, start: int, stop: int, layout: str, load: Load
) -> NDArray[Any]:
    """What one part adds to samples start to stop of its scene.

    Args:
        plan: the scene.
        number: of the part.
        start: the first sample of the scene.
        stop: the sample after the last.
        layout: that of the plan; ``mono`` for what is heard alike from all directions; ``own`` in a
            scene without places for the channels of the sources.
        load: gives the samples of a clip (`harken.audio.load.load`).

    Returns:
        (channels, stop - start); one channel stands for all of a scene without places.
    """
    part = plan.parts[number]
    first, count = first_of(plan, part), part_length(plan, part)
    if not part.path:
        found = _unplaced(plan, part, start - first, stop - first, count, layout, load)
    else:
        heard = "mono" if layout == "own" else layout
        found = _placed(plan, part, start - first, stop - first, count, heard, load)
    return found


def reach(plan: ScenePlan, number: int, layout: str) -> tuple[int, int]:
    """The samples of the scene, from and to, in which a part can be heard."""
    part = plan.parts[number]
    first = first_of(plan, part)
    last = first + part_length(plan, part)
    if not part.path:
        return first, last
    lead, size = response_size(plan, layout)
    total = round(plan.duration_s * plan.rate_hz)
    return max(0, first - lead), min(total, last + size - lead)


def _unplaced(
    plan: ScenePlan, part: Part, start: int, stop: int, count: int, layout: str, load: Load
) -> NDArray[Any]:
    """A part that is nowhere in particular: its own channels, or the same in every channel.

    In ambisonics it is heard from all directions alike: by the first channel alone.
    """
    inner = max(0, start), min(count, stop)
    keep = plan.layout in ("mono", "stereo", "binaural") and layout != "mono"
    sound = dry(plan, part, *inner, not keep, load)
    wanted = scene_channels(plan) if layout != "mono" else 1
    if layout in AMBISONIC:
        sound = np.concatenate([sound, np.zeros((wanted - 1, sound.shape[1]))])
    elif sound.shape[0] not in (1, wanted):
        sound = sound.mean(axis=0, keepdims=True)
    if inner == (start, stop):
        return sound
    padded: NDArray[Any] = np.pad(sound, ((0, 0), (inner[0] - start, stop - inner[1])))
    return padded


def _placed(
    plan: ScenePlan, part: Part, start: int, stop: int, count: int, layout: str, load: Load
) -> NDArray[Any]:
    """A part with a place: convolved with what the channels hear of an impulse there."""
    lead, size = response_size(plan, layout)
    unit = replace(part, gain_db=0.0)
    gain = 10.0 ** (part.gain_db / 20.0)

    def sound(a: int, b: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = dry(plan, unit, a, b, True, load)[0]
        return found

    if count > LONG_S * plan.rate_hz:
        own = convolved(plan, part.path, sound, count, (start, stop), layout).astype(np.float64)
        own *= gain
        return own
    known = replace(plan, parts=(replace(unit, at_s=0.0),), gain_db=None, duration_s=0.0)
    key = (known, content_key(part.clip), layout, count)  # of a file that is not another by now
    whole = _stems.get(key)
    if whole is None:
        whole = convolved(plan, part.path, sound, count, (-lead, count + size - lead), layout)
        _stems.put(key, whole, whole.nbytes)
    low, high = max(start, -lead), min(stop, count + size - lead)
    found = np.zeros((whole.shape[0], stop - start))
    if low < high:
        found[:, low - start : high - start] = whole[:, low + lead : high + lead]
        found *= gain
    return found
