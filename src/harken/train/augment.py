"""Augmentation of log-mel features that does not change the answer, drawn from a numpy generator.

Features are log10 powers (T, bins) before normalisation. Changed are pitch (the mel axis
stretched), tempo, spectral tilt and noise; bands and times are masked (SpecAugment, Park et al.
2019, arXiv 1904.08779). Clips are rolled and cropped only where the order of events and the
beginning do not matter.
"""

from __future__ import annotations

import numpy as np

from harken.item import Item
from harken.models.engine.features import Array
from harken.times import written_times

_LONG = 150  # frames (1.5 s) from which a sound is rolled and cropped


def loose(item: Item) -> bool:
    """Whether the time axis does not matter: sounds one at a time, and no times in the answer."""
    scene = any(clip.plan is not None and len(clip.plan.parts) > 1 for clip in item.clips)
    several = any(len(facts.sources) > 1 for facts in item.facts)
    sounds = bool(item.facts) and all(facts.is_sound for facts in item.facts)
    return sounds and not scene and not several and not list(written_times(item.answer))


def augment(mel: Array, rng: np.random.Generator, *, loose: bool) -> Array:
    """An augmented copy of `mel`; `loose` allows rolling and cropping."""
    mel = np.array(mel)
    if rng.random() < 0.6:
        mel = _pitch(mel, float(rng.uniform(0.88, 1.12)))
    if rng.random() < 0.5:
        length = max(8, int(len(mel) * rng.uniform(0.85, 1.18)))
        mel = mel[np.linspace(0, len(mel) - 1, length).astype(int)]
    if loose and len(mel) > _LONG:
        mel = np.roll(mel, int(rng.integers(len(mel))), axis=0)
        if rng.random() < 0.7:
            length = int(rng.integers(len(mel) // 2, len(mel) + 1))
            start = int(rng.integers(len(mel) - length + 1))
            mel = mel[start : start + length]
    if rng.random() < 0.5:
        low, high = rng.uniform(-0.4, 0.4, 2)
        mel = mel + np.linspace(low, high, mel.shape[1]).astype(np.float32)
    if rng.random() < 0.4:
        mel = _noise(mel, float(rng.uniform(1.5, 5.0)), rng)
    return np.ascontiguousarray(mel, dtype=np.float32)


def mask(mel: Array, rng: np.random.Generator) -> Array:
    """Up to two bands and two times of normalised features set to their mean, 0."""
    mel = np.array(mel)
    frames, bins = mel.shape
    for _ in range(2):
        if rng.random() < 0.5:
            size = int(rng.integers(1, max(2, bins // 6)))
            start = int(rng.integers(bins - size + 1))
            mel[:, start : start + size] = 0
        if rng.random() < 0.5:
            size = int(rng.integers(1, max(2, frames // 6)))
            start = int(rng.integers(frames - size + 1))
            mel[start : start + size] = 0
    return mel


def _pitch(mel: Array, factor: float) -> Array:
    """The mel axis read at `factor` times its index, linearly between bands."""
    places = np.clip(np.arange(mel.shape[1]) * factor, 0, mel.shape[1] - 1)
    low = places.astype(int)
    part = (places - low).astype(np.float32)
    mixed = mel[:, low] * (1 - part) + mel[:, np.minimum(low + 1, mel.shape[1] - 1)] * part
    return np.asarray(mixed, np.float32)


def _noise(mel: Array, below: float, rng: np.random.Generator) -> Array:
    """Noise added `below` decades below the maximum, with a standard deviation of half a neper."""
    ln10 = np.float32(np.log(10.0))
    floor = (mel.max() - below) * ln10 + 0.5 * rng.standard_normal(mel.shape, np.float32)
    return np.asarray(np.logaddexp(mel * ln10, floor) / ln10, np.float32)
