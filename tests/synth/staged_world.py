"""Small real recordings whose sound begins and ends at known times, to stage scenes of."""

from __future__ import annotations

import hashlib
import wave
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool

RATE_HZ = 8000
SILENCE_S = 0.3
"""Silence before and after each sound."""

LABELS = ("dog bark", "cat", "rooster", "rain", "sea waves", "siren", "piano", "chainsaw")
WORDS = ("zero", "one", "two", "three", "four", "five", "eight")
SPEAKERS = ("anna", "bert", "carl")
LONG = ("rain", "sea waves", "siren", "chainsaw")
"""Labels that are heard for 4.4 s; the others for 0.5 s."""


@cache
def staged_pool(split: str = "train") -> RecordingPool:
    """Eight sounds and seven words of three voices, five recordings each, of two splits."""
    folder = Path(mkdtemp(prefix="harken-staged-"))
    found = []
    for at, label in enumerate(LABELS):
        for no in range(5):
            length_s = 4.4 if label in LONG else 0.5
            found.append(recording(folder, split, "sound", label, no, 200 + 70 * at, length_s))
    for at, word in enumerate(WORDS):
        for no in range(6):
            voice = SPEAKERS[no % 3]
            found.append(recording(folder, split, "speech", word, no, 900 + 60 * at, 0.3, voice))
    return RecordingPool(found, split)


def recording(
    folder: Path,
    split: str,
    kind: str,
    label: str,
    no: int,
    hz: float,
    length_s: float,
    voice: str | None = None,
) -> Recording:
    """A tone of `length_s` between `SILENCE_S` of silence, written as WAV."""
    path = folder / f"{split}-{label}-{voice}-{no}.wav"
    count = round(length_s * RATE_HZ)
    tone = 0.1 * (1 + no % 3) * np.sin(2 * np.pi * (hz + 5 * no) * np.arange(count) / RATE_HZ)
    quiet = np.zeros(round(SILENCE_S * RATE_HZ))
    samples = (np.concatenate([quiet, tone, quiet]) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    clip = Clip("file", str(path), duration_s=length_s + 2 * SILENCE_S, sha256=content)
    return Recording(
        clip,
        path.stem,
        kind,  # type: ignore[arg-type]
        (label,),
        label if kind == "speech" else None,
        f"{split}:{voice}" if voice else None,
        split,
        licence="CC0",
        rate_hz=RATE_HZ,
        channels=1,
    )
