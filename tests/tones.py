"""A small corpus of tones for tests of whole commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harken.audio.load import write_wav


def tones(root: Path) -> None:
    """Five kinds of tones, eight recordings each, in a folder of their name."""
    for place, name in enumerate(["hum", "low tone", "tone", "high tone", "whistle"]):
        (root / name).mkdir(parents=True)
        for number in range(8):
            rng = np.random.default_rng([place, number])
            wave = 0.3 * np.sin(2 * np.pi * (110 * 2**place + 3 * number) * np.arange(8000) / 16000)
            noise = 0.01 * rng.standard_normal(8000)
            write_wav(root / name / f"{number}.wav", wave + noise, 16_000)
