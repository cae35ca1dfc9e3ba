"""Embedded audio is the sound of its file: loud, quiet and deep ones too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.errors import AudioError
from harken.item import Item
from harken.shards.embed import embedded
from harken.shards.read import read_items
from harken.shards.write import write_dataset

RATE = 16_000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
QUIET = 1e-4

SOUNDS = {
    "float, beyond full scale": (1.5 * TONE, "FLOAT", 0.0),
    "float, far beyond": (20.0 * TONE, "FLOAT", 0.0),
    "float, just beyond": (1.001 * TONE, "FLOAT", 0.0),
    "double, two channels": (np.stack([1.5 * TONE, 0.2 * TONE], 1), "DOUBLE", 0.0),
    "float, quiet": (QUIET * TONE, "FLOAT", 2.0**-24),
    "24 bits, quiet": (QUIET * TONE, "PCM_24", 2.0**-24),
    "float": (0.5 * TONE, "FLOAT", 2.0**-16),
    "24 bits": (0.5 * TONE, "PCM_24", 2.0**-16),
    "16 bits": (0.5 * TONE, "PCM_16", 0.0),
    "16 bits, quiet": (QUIET * TONE, "PCM_16", 0.0),
}


@pytest.mark.parametrize("name", ["gone.flac", "gone.wav"])
def test_a_missing_file_is_told_as_such(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        embedded(Clip(path=str(tmp_path / name)), embed=True)
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("span", [False, True])
def test_the_embedded_sound_is_that_of_the_file(name: str, span: bool, tmp_path: Path) -> None:
    x, subtype, most = SOUNDS[name]
    path = tmp_path / "a.wav"
    sf.write(path, x, RATE, subtype=subtype)
    clip = Clip(path=str(path), start_s=0.25, duration_s=0.5) if span else Clip(path=str(path))
    before = load(clip, mono=False)
    item = Item("What is it?", "a tone", clips=(clip,), split="train")
    for folder in ("one", "other"):
        write_dataset([item], tmp_path / folder, name="d", embed=True)
    (back,) = read_items(tmp_path / "one")
    path.unlink()
    after = load(back.clips[0], mono=False)
    assert after.shape == before.shape
    assert float(np.abs(after - before).max()) <= most
    one, other = ((tmp_path / f / "shard-00000.parquet").read_bytes() for f in ("one", "other"))
    assert one == other


def test_a_scene_of_loud_sounds_is_embedded_as_it_is_rendered(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", 1.5 * TONE, RATE, subtype="FLOAT")
    part = Part(Clip(path=str(tmp_path / "a.wav"), duration_s=1.0), 0.1)
    clip = Clip("plan", duration_s=1.2, plan=ScenePlan((part,), 1.2))
    before = load(clip)
    write_dataset([Item("q?", "a", clips=(clip,))], tmp_path / "d", name="d", embed=True)
    (back,) = read_items(tmp_path / "d")
    assert float(np.abs(load(back.clips[0]) - before).max()) <= 2.0**-15


def test_a_clip_written_for_people_is_not_cut_at_full_scale(tmp_path: Path) -> None:
    for peak in (0.5, 1.0, 1.5, 30.0):
        write_wav(tmp_path / "a.wav", (peak * TONE).astype(np.float32), RATE)
        back, _ = sf.read(tmp_path / "a.wav")
        assert abs(float(np.abs(back).max()) - peak) < 1e-4
