"""Clips of one source: silence, noise, notes, files and rows of shards; their spans and lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harken.audio.clip import RATE_HZ, Clip, silence
from harken.audio.codec import Samples
from harken.audio.notes import note_samples
from harken.audio.probe import probe
from harken.audio.source import EncodedSource, read_source
from harken.audio.space.layouts import AMBISONIC
from harken.cache import LruCache
from harken.errors import AudioError
from harken.hashing import canonical, digest

_loaded: LruCache[Samples] = LruCache(128 << 20)


def clear_loaded() -> None:
    """Clear the cache of clips."""
    _loaded.clear()


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
    if clip.kind in ("silence", "noise", "note"):
        return 0.0
    if clip.plan is not None:
        return clip.plan.duration_s - clip.start_s
    if clip.kind == "file":
        return probe(clip.path).duration_s - clip.start_s
    return float(load_single(clip, RATE_HZ, True).shape[-1] / RATE_HZ)


def load_single(clip: Clip, rate_hz: int, mono: bool) -> Samples:
    """`harken.audio.load.load` for clips that are not scenes."""
    if clip.kind == "silence":
        zeros = np.zeros((1, round((clip.duration_s or 0.0) * rate_hz)), np.float32)
        return zeros[0] if mono else zeros
    if clip.kind == "noise":
        made = _noise(clip.row, round((clip.duration_s or 0.0) * rate_hz))[None, :]
        return made[0] if mono else made
    if clip.kind == "note" and clip.note is not None:
        played = note_samples(clip.note, clip.duration_s or 0.0, rate_hz)[None, :]
        return played[0] if mono else played
    return _load_source(clip, rate_hz, mono)


def _noise(seed: int, count: int) -> Samples:
    """White noise (count,) at a level between -50 and -20 dB of full scale (RMS)."""
    rng = np.random.default_rng([seed, 0x6E])
    level = 10.0 ** (rng.uniform(-50.0, -20.0) / 20.0)
    found: Samples = np.clip(rng.standard_normal(count) * level, -1.0, 1.0).astype(np.float32)
    return found


def _load_source(clip: Clip, rate_hz: int, mono: bool) -> Samples:
    """`load` for files and shard rows, cached; (n,) or (channels, n)."""
    if clip.kind == "shard" and clip.row < 0:
        raise AudioError("missing", f"the shard has no row {clip.row}", where=clip.path)
    row = clip.row if clip.kind == "shard" else -1
    source = EncodedSource(clip.path, row, clip.slot, clip.start_s, clip.duration_s, clip.sha256)
    layout = clip.plan.layout if clip.plan is not None else ""
    key = (*source.state(), clip.start_s, clip.duration_s, rate_hz, mono, layout)
    held = _loaded.get(key)
    if held is None:
        # What ambisonics hear alike from all directions is their first channel, not the average.
        first = mono and clip.plan is not None and clip.plan.layout in AMBISONIC
        sound, _ = read_source(source, rate_hz, mono and not first)
        held = np.array(sound[0] if mono else sound)
        _loaded.put(key, held, held.nbytes)
    return np.array(held)
