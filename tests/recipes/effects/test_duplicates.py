"""Planted copies are other sounds to the byte, and the same to the ear and to `harken clean`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from test_fingerprint import RATE, events

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.clean.run import KEPT
from harken.clean.run import run as clean
from harken.item import Item
from harken.recipes.effects.duplicates import CUT, SOFTER_DB, planted
from harken.shards.read import open_dataset


def items(folder: Path, count: int) -> list[Item]:
    """Questions about sounds of three seconds."""
    found = []
    for n in range(count):
        path = folder / f"{n}.wav"
        soundfile.write(path, events(n, 3.0)[0], RATE)
        found.append(
            Item(f"What is heard in {n}?", "rain", ("rain", "dog"),
                 (Clip(path=str(path), duration_s=3.0),), recordings=(f"r{n}",), split="train")
        )  # fmt: skip
    return found


def test_copies_are_cut_and_softer_and_harken_clean_finds_them(tmp_path: Path) -> None:
    own = items(tmp_path, 4)
    copies = planted(own[:2], 3)
    assert [one.recordings for one in copies[:3]] == [(f"r0-copy-{n}",) for n in (1, 2, 3)]
    assert len({one.id for one in (*own, *copies)}) == 10 and planted(own[:2], 3) == copies
    for copy, original in zip(copies, [own[0]] * 3 + [own[1]] * 3, strict=True):
        sound, whole = load(copy.clips[0], RATE_HZ), load(original.clips[0], RATE_HZ)
        cut = 1 - len(sound) / len(whole)
        assert 0.0 < cut <= CUT + 1e-3
        at = 0 if np.abs(sound).max() == 0 else _offset(sound, whole)
        gain = 20 * np.log10(np.linalg.norm(sound) / np.linalg.norm(whole[at : at + len(sound)]))
        assert -SOFTER_DB - 0.3 <= gain <= -0.7
    clean([*own, *copies], tmp_path / "out", filters=("exact", "acoustic"))
    assert len(list(open_dataset(tmp_path / "out" / KEPT))) == 4


def _offset(sound: np.ndarray, whole: np.ndarray) -> int:
    """Where `sound` is in `whole`: at its beginning, or at its end."""
    ends = (0, len(whole) - len(sound))
    return max(ends, key=lambda at: float(np.dot(sound, whole[at : at + len(sound)])))
