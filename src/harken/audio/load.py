"""Clips to samples, scenes to samples, samples to encoded bytes."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from harken.audio.clip import RATE_HZ, Clip, ScenePlan, silence
from harken.audio.codec import Samples, encode, encode_float, write_bytes
from harken.audio.heard import HeardSamples
from harken.audio.probe import probe
from harken.audio.source import EncodedSource, clear_sources, cut, read_source, shaped
from harken.cache import LruCache
from harken.errors import AudioError
from harken.hashing import canonical, digest


def silenced(clip: Clip) -> Clip:
    """Zeros of the same length as `clip`."""
    return silence(clip.duration_s if clip.duration_s is not None else duration_s(clip))


def span(clip: Clip, start_s: float, length_s: float) -> Clip:
    """The span of `clip` from `start_s`, `length_s` long, both in seconds."""
    # The key of an embedded clip is its origin; a span needs another key than the whole.
    origin = digest(canonical([clip.origin, start_s, length_s])) if clip.origin else ""
    return replace(clip, start_s=clip.start_s + start_s, duration_s=length_s, origin=origin)


def duration_s(clip: Clip) -> float:
    """Length in seconds, from the reference if it has one, else from the source.

    Raises:
        AudioError: the source cannot be used.
    """
    if clip.duration_s is not None:
        return clip.duration_s
    if clip.kind in ("silence", "noise"):
        return 0.0
    if clip.plan is not None:
        return clip.plan.duration_s - clip.start_s
    if clip.kind == "file":
        return probe(clip.path).duration_s - clip.start_s
    return len(load(clip)) / RATE_HZ


def load(clip: Clip, rate_hz: int = RATE_HZ, mono: bool = True) -> Samples:
    """The samples of a clip.

    Args:
        clip: the clip.
        rate_hz: the rate of the result; the source is resampled by soxr if it has another.
        mono: average all channels.

    Returns:
        float32 (n,) if `mono`, else (channels, n), with n = round(length * rate_hz). The array is
        the caller's own.

    Raises:
        AudioError: with one of `harken.audio.probe.REASONS`, such as ``hash-mismatch``.
    """
    if clip.kind == "silence":
        zeros = np.zeros((1, round((clip.duration_s or 0.0) * rate_hz)), np.float32)
        return zeros[0] if mono else zeros
    if clip.kind == "noise":
        made = _noise(clip.row, round((clip.duration_s or 0.0) * rate_hz))[None, :]
        return made[0] if mono else made
    if clip.plan is not None and clip.kind != "shard":  # a shard holds the rendered audio
        scene = render(clip.plan)[None, :], clip.plan.rate_hz
        sound, _ = shaped(*cut(*scene, clip.start_s, clip.duration_s), rate_hz, mono)
        return np.array(sound[0] if mono else sound)
    return _load_source(clip, rate_hz, mono)


def _noise(seed: int, count: int) -> Samples:
    """White noise (count,) at a level between -50 and -20 dB of full scale (RMS)."""
    rng = np.random.default_rng([seed, 0x6E])
    level = 10.0 ** (rng.uniform(-50.0, -20.0) / 20.0)
    found: Samples = np.clip(rng.standard_normal(count) * level, -1.0, 1.0).astype(np.float32)
    return found


def require_heard(clip: Clip, known: set[str] | None = None) -> None:
    """Refuse a clip in which nothing is heard, or in any part of its scene.

    A clip of the kind ``silence`` is meant to be silent, and one of ``noise`` is loud enough.
    `known` has the keys of files that were heard before, which are not decoded again, and gets
    those of this call.

    Raises:
        AudioError: ``silent`` or ``too-short``, or any reason why it cannot be loaded.
    """
    if clip.kind in ("silence", "noise"):
        return
    if clip.plan is not None and clip.kind != "shard":
        for number, part in enumerate(clip.plan.parts):
            _require_inside(clip.plan, number)
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


def _require_inside(plan: ScenePlan, number: int) -> None:
    """Raise AudioError ``bad-plan`` if a part begins outside its scene."""
    at_s = plan.parts[number].at_s
    if not 0 <= round(at_s * plan.rate_hz) <= round(plan.duration_s * plan.rate_hz):
        found = f"part {number} begins at {at_s:g} s in a scene of {plan.duration_s:g} s"
        raise AudioError("bad-plan", found, hint="Place every part inside the scene.")


def render(plan: ScenePlan) -> Samples:
    """Render a scene: a pure function of the plan.

    Every part is loaded at the plan's rate, cut at the end of the scene, scaled by its gain, faded
    in and out linearly to avoid clicks, and added at its start. If the sum peaks above 1, the whole
    scene is scaled down, so that relative levels are kept.

    Returns:
        mono float32 (round(duration * rate),).

    Raises:
        AudioError: ``bad-plan`` for a part outside the scene, or a clip's own reason.
    """
    total = round(plan.duration_s * plan.rate_hz)
    scene = np.zeros(total, np.float64)
    for number, part in enumerate(plan.parts):
        _require_inside(plan, number)
        first = round(part.at_s * plan.rate_hz)
        sound = load(part.clip, plan.rate_hz).astype(np.float64)[: total - first]
        sound *= 10.0 ** (part.gain_db / 20.0)
        fade = min(round(part.fade_s * plan.rate_hz), len(sound) // 2)
        if fade > 0:
            ramp = (np.arange(fade) + 0.5) / fade
            sound[:fade] *= ramp
            sound[-fade:] *= ramp[::-1]
        scene[first : first + len(sound)] += sound
    peak = float(np.max(np.abs(scene), initial=0.0))
    if peak > 1.0:
        scene /= peak
    return scene.astype(np.float32)


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


_loaded: LruCache[Samples] = LruCache(128 << 20)


def clear_cache() -> None:
    """Clear all caches of decoded audio."""
    _loaded.clear()
    clear_sources()


def _load_source(clip: Clip, rate_hz: int, mono: bool) -> Samples:
    """`load` for files and shard rows, cached; (n,) or (channels, n)."""
    if clip.kind == "shard" and clip.row < 0:
        raise AudioError("missing", f"the shard has no row {clip.row}", where=clip.path)
    row = clip.row if clip.kind == "shard" else -1
    source = EncodedSource(clip.path, row, clip.slot, clip.start_s, clip.duration_s, clip.sha256)
    key = (*source.state(), clip.start_s, clip.duration_s, rate_hz, mono)
    held = _loaded.get(key)
    if held is None:
        sound, _ = read_source(source, rate_hz, mono)
        held = np.array(sound[0] if mono else sound)
        _loaded.put(key, held, held.nbytes)
    return np.array(held)
