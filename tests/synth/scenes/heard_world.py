"""Small recordings for scenes: bursts of noise and tones between silences, and spoken words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.audio.probe import file_sha256
from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool

LABELS = ("dog bark", "siren", "door knock", "rain")
WORDS = ("one", "two", "three")
SPEAKERS = ("anna", "ben", "cora")
LEAD_S = 0.15
"""Silence before a sound begins in its file."""


def written(folder: Path, name: str, sound: np.ndarray, lead_s: float = LEAD_S) -> Clip:
    """A wav file of `sound` after `lead_s` of silence, and before as much."""
    rest = np.zeros(round(lead_s * RATE_HZ))
    samples = np.concatenate([rest, sound, rest]).astype(np.float32)
    path = folder / f"{name}.wav"
    write_wav(path, samples, RATE_HZ)
    return Clip(path=str(path), duration_s=len(samples) / RATE_HZ, sha256=file_sha256(str(path)))


def pool(folder: Path) -> RecordingPool:
    """Five recordings of each label, and of each word by each speaker."""
    found = []
    for number, label in enumerate(LABELS):
        for take in range(5):
            rng = np.random.default_rng([number, take])
            length = 3.0 if label == "rain" else 0.4 + 0.1 * take
            noise = rng.standard_normal(round(length * RATE_HZ)) * (0.02 + 0.02 * take)
            lead_s = 0.0 if label == "rain" else LEAD_S
            clip = written(folder, f"{label}-{take}", noise, lead_s)
            found.append(Recording(clip, f"{label}-{take}", "sound", (label,), licence="CC0"))
    for number, word in enumerate(WORDS):
        for voice, speaker in enumerate(SPEAKERS):
            for take in range(2):
                name = f"{speaker}-{word}-{take}"
                time = np.arange(round((0.3 + 0.1 * take) * RATE_HZ)) / RATE_HZ
                hz = 300 + 100 * number + 20 * voice
                clip = written(folder, name, 0.1 * np.sin(2 * np.pi * hz * time))
                found.append(Recording(clip, name, "speech", (word,), word, speaker))
    return RecordingPool([replace(one, split="train") for one in found], "train")
