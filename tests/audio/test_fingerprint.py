"""Fingerprints: the same recording is found however it was handled, another one is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from harken.audio.codec import Samples, resample
from harken.audio.fingerprint import (
    FEWEST,
    HOP,
    PRINT_HZ,
    FingerprintIndex,
    fingerprint,
    most_errors,
    sample_hash,
)

RATE = 16_000


def events(seed: int, seconds: float = 4.0) -> Samples:
    """Bursts of coloured noise and tones at irregular times: what no other seed has."""
    draw = np.random.default_rng([seed, 5])
    wave = 0.003 * draw.standard_normal(round(seconds * RATE))
    for _ in range(round(3 * seconds)):
        at, length = draw.integers(0, len(wave)), round(draw.uniform(0.1, 0.6) * RATE)
        t = np.arange(length) / RATE
        low, high = draw.uniform(200, 3500, 2)
        burst = np.sin(2 * np.pi * (low + (high - low) * t / t[-1] / 2) * t)
        burst = (burst + 0.5 * draw.standard_normal(length)) * np.hanning(length)
        room = len(wave) - at
        wave[at : at + length] += 0.3 * burst[:room]
    return wave.astype(np.float32)[None, :]


def coded(x: Samples, format: str, subtype: str) -> Samples:
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, x.T, RATE, format=format, subtype=subtype, compression_level=0.9)
    file.seek(0)
    back, _ = soundfile.read(file, dtype="float32", always_2d=True)
    return back.T


@pytest.fixture(scope="module")
def index() -> FingerprintIndex:
    own = FingerprintIndex()
    for seed in range(24):
        own.add(fingerprint(events(seed), RATE))
    return own


CHANGES = {
    "mp3": lambda x: (coded(x, "MP3", "MPEG_LAYER_III"), RATE),
    "ogg": lambda x: (coded(x, "OGG", "VORBIS"), RATE),
    "8 kHz": lambda x: (resample(x, RATE, 8000), 8000),
    "44.1 kHz": lambda x: (resample(x, RATE, 44_100), 44_100),
    "louder": lambda x: (np.clip(2 * x, -1, 1), RATE),
    "softer": lambda x: (x / 2, RATE),
    "stereo": lambda x: (np.concatenate([x, x]), RATE),
    "cut": lambda x: (x[:, 13_337:], RATE),
    "noisy": lambda x: (
        x + np.float32(0.1 * x.std()) * np.random.default_rng(1).standard_normal(x.shape), RATE
    ),
    "inside another": lambda x: (np.concatenate([events(77), x, events(78)], axis=1), RATE),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_matches_its_original_only(name: str, index: FingerprintIndex) -> None:
    for seed in (0, 7, 23):
        changed, rate = CHANGES[name](events(seed))
        echoes = index.find(fingerprint(changed.astype(np.float32), rate))
        assert [echo.number for echo in echoes] == [seed], (name, echoes)


def test_the_offset_of_a_cut_is_found(index: FingerprintIndex) -> None:
    (cut,) = index.find(fingerprint(events(3)[:, RATE:], RATE))
    assert cut.offset_s == pytest.approx(1.0, abs=HOP / PRINT_HZ) and 2.5 < cut.seconds <= 3.0
    late = np.concatenate([np.zeros((1, RATE), np.float32), events(3)], axis=1)
    (padded,) = index.find(fingerprint(late, RATE))
    assert padded.offset_s == pytest.approx(-1.0, abs=HOP / PRINT_HZ)


def test_others_silence_and_the_very_short_are_not_found(index: FingerprintIndex) -> None:
    assert all(not index.find(fingerprint(events(seed), RATE)) for seed in range(100, 140))
    for wave in (np.zeros((1, 3 * RATE)), np.zeros((1, 0)), np.full((1, RATE), 1e-12)):
        quiet = fingerprint(wave.astype(np.float32), RATE)
        assert not quiet.clear.any() and not index.find(quiet)
    assert not index.find(fingerprint(events(0)[:, :800], RATE))
    own = FingerprintIndex()
    assert own.find(fingerprint(events(0), RATE)) == []
    own.add(None)
    assert own.find(fingerprint(events(0), RATE)) == [] and len(own) == 1


def test_noise_of_two_draws_differs_in_half_of_the_bits() -> None:
    one, two = (
        fingerprint(np.random.default_rng(n).normal(0, 0.1, (1, 10 * RATE)).astype("f4"), RATE)
        for n in (1, 2)
    )
    size = min(len(one), len(two))
    bits = np.unpackbits((one.words[:size] ^ two.words[:size]).view(np.uint8))
    assert bits.mean() == pytest.approx(0.5, abs=0.02)


def test_fewer_frames_may_differ_in_fewer_bits() -> None:
    limits = [most_errors(frames) for frames in (FEWEST, 2 * FEWEST, 50, 100, 10_000)]
    assert limits == sorted(limits) and limits[0] > 0 and limits[-1] == 0.35


def test_the_hash_is_of_the_samples() -> None:
    wave = np.round(events(1) * 32768) / 32768
    same = sample_hash(wave.astype(np.float32), RATE)
    quiet = np.zeros((1, 500), np.float32)
    assert same == sample_hash(np.concatenate([quiet, wave, quiet], axis=1), RATE)
    assert same == sample_hash(np.concatenate([wave, wave]), RATE), "equal channels once"
    assert same == sample_hash((wave + 1e-6).astype(np.float32), RATE), "below 16 bits"
    assert same != sample_hash(wave, RATE + 1) and same != sample_hash(wave * 0.9, RATE)
    assert same != sample_hash(wave[:, ::-1], RATE) and sample_hash(quiet, RATE) == ""


def test_real_recordings_are_found_after_heavy_processing(corpora_root: Path) -> None:
    from harken.audio.source import EncodedSource, read_source

    if not (corpora_root / "esc10").is_dir():
        pytest.skip("no esc10 there")
    paths = sorted((corpora_root / "esc10").rglob("*.ogg"))[::10]
    waves = [read_source(EncodedSource(str(path), -1, 0, 0.0, None, None)) for path in paths]
    own = FingerprintIndex()
    for wave, rate in waves:
        own.add(fingerprint(wave, rate))
    found = asked = 0
    draw = np.random.default_rng(0)
    for number, (wave, rate) in enumerate(waves):
        query = resample(wave[:, int(draw.uniform(0.5, 1.0) * rate) :], rate, RATE)
        query = fingerprint(0.5 * coded(query, "MP3", "MPEG_LAYER_III"), RATE)
        asked += int(query.clear.sum()) >= FEWEST
        numbers = [echo.number for echo in own.find(query)]
        found += number in numbers
        assert set(numbers) <= {number}
    assert asked >= 35 and found / asked > 0.9
