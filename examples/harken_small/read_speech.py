"""What training data and exam of harken-small share: who is held out, and how speech is cut.

One place, so that no speaker of the exam can be in the training data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ

TEST_FOLD, DEV_FOLD = 5, 4
"""Of ESC-10."""
TEST_SPEAKER, DEV_SPEAKER = "theo", "lucas"
"""Of FSDD."""
TEST_SPEAKERS = 16
"""The last ones, by number, of LibriSpeech's train-clean-100; test-other is held out too."""
WORDS = (2, 8)
"""Words of a clip of read speech."""


def librispeech_speaker(path: Path) -> int:
    """The number of the speaker of a file of LibriSpeech."""
    return int(path.name.split("-")[0])


def held_out_files(paths: Iterable[Path]) -> set[Path]:
    """Those of LibriSpeech's files whose speakers are in the exam; give all files at once."""
    paths = list(paths)
    clean = {librispeech_speaker(path) for path in paths if "train-clean" in str(path)}
    last = set(sorted(clean)[-TEST_SPEAKERS:])
    return {
        path for path in paths if "test-other" in str(path) or librispeech_speaker(path) in last
    }


def plain(text: str) -> str:
    """Words in lower case without punctuation; empty where something else than words is in it."""
    words = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower().replace("’", "'"))
    return "" if re.search(r"[^a-zA-Z'’.,;:!?\"\s-]", text) else " ".join(words)


def quietest(samples: NDArray[Any], at_s: float, reach_s: float = 0.12) -> float:
    """The time (s) of least energy, over 20 ms, near another."""
    first = max(0, int((at_s - reach_s) * RATE_HZ))
    last = min(len(samples), int((at_s + reach_s) * RATE_HZ))
    if last - first < 640:
        return min(len(samples), max(0, int(at_s * RATE_HZ))) / RATE_HZ
    energy = np.convolve(samples[first:last] ** 2, np.ones(320), "same")
    return (first + int(energy.argmin())) / RATE_HZ
