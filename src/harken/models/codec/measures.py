"""How near a reconstruction is to the sound: SNR and log-mel distance, both in dB."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from harken.models.composed.log_mel import log_mel
from harken.models.engine.features import Array

SPAN_DB = 60.0
"""Bands further below the loudest band of the sound are not told apart."""


def snr_db(sound: Array, made: Array) -> float:
    """10 log10(sum x^2 / sum (x - y)^2) of (n,) and (n,); inf if they are equal.

    Silence reconstructed as silence is 0 dB less than anything: nan, since nothing is measured.
    """
    signal = float(np.square(sound, dtype=np.float64).sum())
    noise = float(np.square(sound.astype(np.float64) - made).sum())
    if signal == 0.0:
        return math.nan
    return math.inf if noise == 0.0 else 10.0 * math.log10(signal / noise)


def log_mel_distance_db(sound: Array, made: Array) -> float:
    """Mean absolute difference of the log-mel powers in dB, of (n,) and (n,).

    64 bands every 10 ms (`harken.models.composed.log_mel`); values more than `SPAN_DB` below the
    highest one of the sound are set to that bound in both.
    """
    first, other = 10.0 * log_mel(sound), 10.0 * log_mel(made)
    least = first.max() - SPAN_DB
    return float(np.abs(np.maximum(first, least) - np.maximum(other, least)).mean())


SPANS, PAIRS = 16, 32
"""Of `sound_summary`: spans of time, and pairs of bands."""


def sound_summary(samples: Array) -> Array:
    """What a sound (n,) is like, whatever its level and length: float32 (SPANS · PAIRS + 64,).

    Its log-mel powers, the mean of each in `SPANS` equal spans of time and `PAIRS` pairs of bands,
    then the standard deviation of each of the 64 bands over time; the overall mean is taken off.
    For linear probes.
    """
    mel = log_mel(samples)
    bands = mel.shape[1]
    mel = np.maximum(mel, mel.max() - SPAN_DB / 10.0)
    mel = mel - mel.mean()
    edges = np.linspace(0, len(mel), SPANS + 1)
    spans = [
        mel[min(int(first), len(mel) - 1) : max(int(np.ceil(last)), int(first) + 1)].mean(0)
        for first, last in pairwise(edges)
    ]
    pairs = np.stack(spans).reshape(SPANS, PAIRS, bands // PAIRS).mean(2)
    return np.concatenate([pairs.reshape(-1), mel.std(0)]).astype(np.float32)
