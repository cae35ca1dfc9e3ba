"""Items and sounds made up for tests of datasets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from harken.audio.clip import Clip
from harken.audio.load import encode_flac, write_wav
from harken.item import Contribution, HistoryEntry, Item

RATE = 8000


def make(number: int, clips: tuple[Clip, ...] = ()) -> Item:
    return Item(
        question=f"Which of these is number {number}?",
        answer="b",
        choices=("a", "b", "c"),
        clips=clips,
        task=("count", "first")[number % 2],
        split=("train", "test")[number % 3 == 0],
        licence="CC0-1.0",
        recordings=(f"r{number}",),
        contribution=Contribution("weak", "bits", 0.5, (("m", 0.5),)) if number % 2 else None,
        history=(HistoryEntry("made", "here"),),
        plan={"seed": 1, "picks": [number]},
    )


def tone(path: Path, hz: float, seconds: float = 0.5) -> Clip:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * RATE)) / RATE
    samples = (0.5 * np.sin(2 * np.pi * hz * times)).astype(np.float32)
    if path.suffix == ".flac":
        path.write_bytes(encode_flac(samples, RATE))
    else:
        write_wav(path, samples, RATE)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Clip(path=str(path), duration_s=seconds, sha256=sha256)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }
