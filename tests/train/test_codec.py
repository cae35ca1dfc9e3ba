"""Training of a codec: what is drawn, the loss by hand, falling loss, use of the codebooks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harken.audio.clip import Clip
from harken.audio.load import write_wav
from harken.errors import ConfigError, DataError
from harken.models.codec.spectral import SpectralCodec
from harken.runs import Run
from harken.train.codec import (
    CodecTraining,
    Pieces,
    magnitude_error,
    relative_error,
    spectral_error,
    train_codec,
)

TINY = CodecTraining(
    steps=40, batch=4, strides=(8, 5), channels=(8, 16), dim=8, codebooks=3, size=16,
    crop_s=0.1, windows=(64, 256), watch_every=20, lr=5e-3,
)  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    root = tmp_path_factory.mktemp("sounds")
    found = []
    for number, length in enumerate((4000, 16_000, 900)):
        time = np.arange(length) / 16_000
        wave = 0.3 * np.sin(2 * np.pi * (200 + 150 * number) * time)
        write_wav(root / f"{number}.wav", wave.astype(np.float32), 16_000)
        found.append(Clip("file", str(root / f"{number}.wav"), duration_s=length / 16_000))
    return found


def test_pieces_depend_on_the_step_only_and_have_their_level(clips: list[Clip]) -> None:
    pieces, other = Pieces(clips, TINY, 40), Pieces(clips, TINY, 40)
    one = pieces.draw(7)
    pieces.draw(8)
    again = other.draw(7)
    assert torch.equal(one.waves, again.waves) and torch.equal(one.used, again.used)
    assert not torch.equal(one.waves, pieces.draw(8).waves)
    assert one.waves.shape == (4, 1600) and one.mask.shape == (4, 40)
    for wave, real in zip(one.waves, one.mask, strict=True):
        own = wave[: int(real.sum()) * 40]
        level = 20 * torch.log10(own.square().mean().sqrt())
        assert -35.5 < level < -14 and own.abs().max() <= 1
        assert not wave[len(own) :].any()
    assert 1 <= one.used.min() <= one.used.max() <= 3


def test_silent_recordings_are_told(tmp_path: Path) -> None:
    write_wav(tmp_path / "s.wav", np.zeros(4000, np.float32), 16_000)
    silent = [Clip("file", str(tmp_path / "s.wav"), duration_s=0.25)]
    with pytest.raises(DataError, match="silent"):
        Pieces(silent, TINY, 40).draw(0)


def test_the_losses_by_hand() -> None:
    wave = torch.tensor([[1.0, -1.0, 1.0, -1.0], [2.0, 2.0, 2.0, 2.0]])
    # Half of the first and nothing of the second is missing: (0.5 + 0) / 2.
    made = torch.stack([0.5 * wave[0], wave[1]])
    assert relative_error(wave, made).item() == pytest.approx(0.25)
    noise = torch.randn(2, 512, generator=torch.Generator().manual_seed(0))
    assert spectral_error(noise, noise, (64, 128)).item() == 0.0
    # Twice the magnitude: a linear part of 1, and log 2 where the floor is far below.
    assert spectral_error(noise, 2 * noise, (64,)).item() == pytest.approx(1 + np.log(2), abs=5e-3)
    # The sign of the wave is no matter of the spectrum.
    assert spectral_error(noise, -noise, (64,)).item() == pytest.approx(0.0, abs=1e-6)


def test_training_lowers_the_loss_and_tells_the_use_of_codebooks(
    clips: list[Clip], tmp_path: Path
) -> None:
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        codec = train_codec(clips, TINY, run)
        records = run.records("metrics")
    first, last = (np.mean([r["loss"] for r in part]) for part in (records[:5], records[-5:]))
    assert last < 0.8 * first
    watched = [record for record in records if "used" in record]
    assert [record["step"] for record in watched] == [19, 39]
    assert all(len(record["perplexity"]) == len(record["revived"]) == 3 for record in watched)
    assert all(0 < used <= 1 for record in watched for used in record["used"])
    assert codec.training["used"] == watched[-1]["used"]
    with Run.open(tmp_path / "again", {"a": 1}) as run:
        assert train_codec(clips, TINY, run).identity() == codec.identity()
    other = replace(TINY, seed=1, steps=2)
    with Run.open(tmp_path / "other", {"a": 1}) as run:
        assert train_codec(clips, other, run).identity() != codec.identity()


def test_the_error_of_magnitudes_by_hand() -> None:
    sound = torch.full((1, 2, 4), 2.0)
    real = torch.tensor([[True, False]])
    assert magnitude_error(sound, sound, real).item() == 0.0
    made = sound.clone()
    made[:, 0] = 1.0
    made[:, 1] = 9.0  # padding: it does not count
    # Half of the mean is missing, and the log differs by log 2.
    assert magnitude_error(sound, made, real).item() == pytest.approx(0.5 + np.log(2), abs=1e-3)


def test_a_spectral_codec_is_trained_the_same_way(clips: list[Clip], tmp_path: Path) -> None:
    settings = replace(TINY, kind="spectral", width=16, mels=20, dim=8, steps=30)
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        codec = train_codec(clips, settings, run)
        records = run.records("metrics")
    assert isinstance(codec, SpectralCodec)
    first, last = (np.mean([r["loss"] for r in part]) for part in (records[:3], records[-3:]))
    assert last < 0.7 * first
    assert {"spectral", "mel", "commitment"} <= set(records[0]) and "time" not in records[0]
    with Run.open(tmp_path / "again", {"a": 1}) as run:
        assert train_codec(clips, settings, run).identity() == codec.identity()


def test_without_recordings_nothing_is_trained(tmp_path: Path) -> None:
    with Run.open(tmp_path, {"a": 1}) as run, pytest.raises(DataError, match="no recordings"):
        train_codec([], TINY, run)


def test_settings_without_sense_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"crop_s is 0 .*windows are \(4,\)"):
        CodecTraining(crop_s=0, windows=(4,))
    with pytest.raises(ConfigError, match=r"kind is 'wave' \(accepted: conv, spectral\)"):
        CodecTraining(kind="wave")
