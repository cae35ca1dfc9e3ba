"""Clips, spans, scenes, codecs: arithmetic that can be checked by hand, and properties."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.audio import source as audio_source
from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.audio.container import ogg_crc
from harken.audio.load import clear_cache, encode_flac, encode_wav, load, render, write_wav
from harken.audio.probe import file_sha256, probe
from harken.audio.single import duration_s, silenced, span
from harken.cache import LruCache
from harken.errors import AudioError


def steps(n: int, seed: int = 0) -> np.ndarray:
    """Noise on the 16-bit grid, so that a 16-bit file holds it exactly."""
    whole = np.random.default_rng([seed, n]).integers(-20_000, 20_000, n)
    return (whole / 32768).astype(np.float32)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """One second of noise at 16 kHz."""
    path = tmp_path / "noise.wav"
    write_wav(path, steps(16_000), 16_000)
    return path


def test_what_is_written_is_what_is_read(noise: Path) -> None:
    assert np.array_equal(load(Clip(path=str(noise))), steps(16_000))


@pytest.mark.parametrize("encode", [encode_wav, encode_flac])
def test_encoding_is_exact_on_the_grid_and_deterministic(encode, tmp_path: Path) -> None:
    data = encode(steps(4_000), 16_000)
    assert data == encode(steps(4_000), 16_000)
    found, rate = sf.read(io.BytesIO(data), dtype="float32")
    assert rate == 16_000
    assert np.array_equal(found, steps(4_000))


def test_encoding_clips_at_full_scale_and_refuses_invalid_samples() -> None:
    found, _ = sf.read(io.BytesIO(encode_wav(np.array([2.0, -2.0, 1.0, -1.0]), 8_000)))
    assert found.tolist() == [32767 / 32768, -1.0, 32767 / 32768, -1.0]
    for bad, reason in ((np.zeros(0), "no-samples"), (np.array([np.nan]), "non-finite")):
        with pytest.raises(AudioError) as caught:
            encode_flac(bad, 8_000)
        assert caught.value.reason == reason


def test_channels_are_averaged_or_kept(tmp_path: Path) -> None:
    left, right = steps(800, 1), steps(800, 2)
    write_wav(tmp_path / "two.wav", np.stack([left, right]), 16_000)
    clip = Clip(path=str(tmp_path / "two.wav"))
    assert np.array_equal(load(clip, mono=False), np.stack([left, right]))
    assert np.allclose(load(clip), (left + right) / 2, atol=1e-7)
    assert load(silence(0.5), mono=False).shape == (1, 8_000)


@pytest.fixture(scope="module")
def lasting_noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for property tests, whose examples share one file."""
    path = tmp_path_factory.mktemp("lasting") / "noise.wav"
    write_wav(path, steps(16_000), 16_000)
    return path


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 15_999), count=st.integers(1, 16_000), inner=st.integers(0, 15_999))
def test_a_span_is_a_slice_and_spans_of_spans_add_up(
    lasting_noise: Path, start: int, count: int, inner: int
) -> None:
    path = str(lasting_noise)
    count = min(count, 16_000 - start)
    clip = span(Clip(path=path), start / 16_000, count / 16_000)
    assert np.array_equal(load(clip), steps(16_000)[start : start + count])
    inner = min(inner, count - 1)
    within = span(clip, inner / 16_000, (count - inner) / 16_000)
    assert np.array_equal(load(within), steps(16_000)[start + inner : start + count])
    assert duration_s(within) == (count - inner) / 16_000


@pytest.mark.parametrize(("format", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_a_span_of_a_long_source_is_the_slice_of_the_whole(
    format: str, subtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x.{format.lower()}"
    sf.write(path, steps(64_000), 16_000, format=format, subtype=subtype)
    whole = load(Clip(path=str(path)))
    monkeypatch.setattr(audio_source, "WHOLE_DECODED", 0)
    monkeypatch.setattr(audio_source, "WHOLE_ENCODED", 0)  # every source counts as long
    clear_cache()
    part = load(Clip(path=str(path), start_s=1.25, duration_s=0.5))
    assert np.array_equal(part, whole[20_000:28_000])
    assert np.array_equal(load(Clip(path=str(path), start_s=3.0)), whole[48_000:])


def test_a_span_past_the_end_is_refused_but_a_rounding_is_not(noise: Path) -> None:
    with pytest.raises(AudioError) as caught:
        load(Clip(path=str(noise), start_s=0.9, duration_s=0.2))
    assert caught.value.reason == "out-of-span"
    rounded = load(Clip(path=str(noise), start_s=0.0, duration_s=1.005))
    assert len(rounded) == 16_080
    assert not rounded[16_000:].any()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 192_000])
def test_resampling_keeps_pitch_and_gives_the_length_asked_for(rate: int, tmp_path: Path) -> None:
    time = np.arange(rate) / rate
    write_wav(tmp_path / "a.wav", (0.5 * np.sin(2 * np.pi * 1000 * time)), rate)
    found = load(Clip(path=str(tmp_path / "a.wav")))
    assert found.shape == (16_000,)
    assert found.dtype == np.float32
    assert int(np.argmax(np.abs(np.fft.rfft(found)))) == 1000  # one second: bins are 1 Hz
    assert np.max(np.abs(found)) == pytest.approx(0.5, abs=0.05)


def test_loading_twice_gives_equal_arrays_that_the_caller_may_change(noise: Path) -> None:
    clip = Clip(path=str(noise))
    first = load(clip)
    first[:] = 7
    assert np.array_equal(load(clip), steps(16_000))
    clear_cache()
    assert np.array_equal(load(clip, 44_100), load(clip, 44_100))


def test_a_changed_file_is_not_served_from_the_cache(noise: Path) -> None:
    clip = Clip(path=str(noise), sha256=file_sha256(noise))
    load(clip)
    write_wav(noise, steps(16_000, seed=9), 16_000)
    assert np.array_equal(load(replace(clip, sha256=None)), steps(16_000, seed=9))
    with pytest.raises(AudioError) as caught:
        load(clip)
    assert caught.value.reason == "hash-mismatch"


def test_probe_returns_length_rate_channels_format_and_hash(noise: Path) -> None:
    found = probe(noise)
    assert (found.duration_s, found.rate_hz, found.channels) == (1.0, 16_000, 1)
    assert found.format == "wav"
    assert found.sha256 == file_sha256(noise)


def test_length_comes_from_the_reference_else_from_the_source(noise: Path) -> None:
    assert duration_s(Clip(path=str(noise))) == 1.0
    assert duration_s(Clip(path=str(noise), start_s=0.25)) == 0.75
    assert duration_s(Clip(path="nowhere.wav", duration_s=3.0)) == 3.0
    assert duration_s(Clip("plan", plan=ScenePlan((), 2.5))) == 2.5
    assert silenced(Clip(path=str(noise))) == silence(1.0)


def scene(noise: Path, *parts: tuple[float, float], duration_s: float = 2.0) -> ScenePlan:
    clip = Clip(path=str(noise))
    return ScenePlan(tuple(Part(clip, at, gain, 0.0) for at, gain in parts), duration_s)


def test_a_part_has_the_start_and_level_of_the_plan(noise: Path) -> None:
    found = render(scene(noise, (0.5, -20.0)))
    assert len(found) == 32_000
    assert not found[:8_000].any()
    assert not found[24_000:].any()
    assert np.allclose(found[8_000:24_000], 0.1 * steps(16_000), atol=1e-7)


def test_a_part_that_reaches_past_the_end_is_cut(noise: Path) -> None:
    found = render(scene(noise, (1.5, -20.0)))
    assert np.allclose(found[24_000:], 0.1 * steps(16_000)[:8_000], atol=1e-7)


def test_fades_are_linear_and_never_click(noise: Path) -> None:
    found = render(ScenePlan((Part(Clip(path=str(noise)), 0.0, -6.0, 0.1),), 1.0))
    ramp = (np.arange(1_600) + 0.5) / 1_600
    wanted = steps(16_000) * 10 ** (-6 / 20)
    wanted[:1_600] *= ramp
    wanted[-1_600:] *= ramp[::-1]
    assert np.allclose(found, wanted, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    one=st.tuples(st.floats(0, 1), st.floats(-40, -10)),
    other=st.tuples(st.floats(0, 1), st.floats(-40, -10)),
)
def test_rendering_is_linear_below_full_scale(
    lasting_noise: Path, one: tuple[float, float], other: tuple[float, float]
) -> None:
    path = lasting_noise
    both = render(scene(path, one, other))
    apart = render(scene(path, one)) + render(scene(path, other))
    assert np.allclose(both, apart, atol=1e-6)
    assert np.array_equal(both, render(scene(path, one, other)))


def test_a_scene_too_loud_is_scaled_down_as_a_whole(noise: Path) -> None:
    quiet = render(scene(noise, (0.0, 0.0), (0.7, -6.0)))
    loud = render(scene(noise, (0.0, 20.0), (0.7, 14.0)))
    assert np.max(np.abs(loud)) == pytest.approx(1.0)
    assert np.allclose(loud / np.max(np.abs(loud)), quiet / np.max(np.abs(quiet)), atol=1e-6)


def test_scenes_nest_and_load_like_any_clip(noise: Path) -> None:
    inner = Clip("plan", plan=scene(noise, (0.0, -20.0), duration_s=1.0), duration_s=1.0)
    outer = ScenePlan((Part(inner, 0.5, 0.0, 0.0),), 2.0)
    assert np.allclose(render(outer), render(scene(noise, (0.5, -20.0))), atol=1e-7)
    cut = load(Clip("plan", plan=outer, start_s=0.5, duration_s=0.25))
    assert np.array_equal(cut, render(outer)[8_000:12_000])
    assert len(load(Clip("plan", plan=outer), 8_000)) == 16_000


def test_a_part_outside_the_scene_is_refused(noise: Path) -> None:
    for at in (-0.1, 2.1):
        with pytest.raises(AudioError) as caught:
            render(scene(noise, (at, 0.0)))
        assert caught.value.reason == "bad-plan"


def test_a_clip_in_a_shard_has_the_samples_of_the_file(noise: Path, tmp_path: Path) -> None:
    flac = encode_flac(steps(4_000, 3), 16_000)
    rows = [
        [{"bytes": noise.read_bytes(), "path": "noise.wav"}],
        [],
        [{"bytes": None, "path": "elsewhere.wav"}, {"bytes": flac, "path": "b.flac"}],
    ]
    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = pa.table({"id": ["a", "b", "c"], "audio": pa.array(rows, kind)})
    shard = str(tmp_path / "shard.parquet")
    pq.write_table(table, shard, row_group_size=1)
    assert np.array_equal(load(Clip("shard", shard, row=0, slot=0)), steps(16_000))
    part = Clip("shard", shard, row=2, slot=1, start_s=0.125, duration_s=0.0625)
    assert np.array_equal(load(part), steps(4_000, 3)[2_000:3_000])
    for row, slot in ((3, 0), (1, 0), (2, 0), (-1, 0), (0, 1)):
        with pytest.raises(AudioError) as caught:
            load(Clip("shard", shard, row=row, slot=slot))
        assert caught.value.reason == "missing"
    with pytest.raises(AudioError) as caught:
        load(Clip("shard", shard, row=0, slot=0, sha256="0" * 64))
    assert caught.value.reason == "hash-mismatch"
    pq.write_table(table.slice(2), shard)  # written anew: not served from the cache
    assert np.array_equal(load(Clip("shard", shard, row=0, slot=1)), steps(4_000, 3))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 70)), max_size=60))
def test_the_cache_never_holds_more_than_its_limit(puts: list[tuple[int, int]]) -> None:
    cache: LruCache[int] = LruCache(100)
    held: dict[int, int] = {}
    for key, size in puts:
        cache.put(key, key, size)
        if size <= 50:
            held[key] = size
        assert cache.held <= 100
    alive = [key for key in held if cache.get(key) is not None]
    assert cache.held == sum(held[key] for key in alive)


def test_the_least_recently_used_goes_first() -> None:
    cache: LruCache[str] = LruCache(100)
    for key in "abcd":
        cache.put(key, key, 25)
    assert cache.get("a") == "a"
    cache.put("e", "e", 25)
    assert [key for key in "abcde" if cache.get(key)] == ["a", "c", "d", "e"]


def test_the_ogg_checksum_is_the_one_in_the_standard() -> None:
    def by_hand(data: bytes) -> int:
        crc = 0
        for byte in data:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        return crc

    for data in (b"", b"\0", b"OggS", bytes(range(256))):
        assert ogg_crc(data) == by_hand(data)


def test_writing_leaves_nothing_behind_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk gone")))
    with pytest.raises(OSError, match="disk gone"):
        write_wav(tmp_path / "a.wav", steps(100), 16_000)
    assert list(tmp_path.iterdir()) == []


def test_a_span_of_a_scene_is_another_clip_than_the_scene() -> None:
    scene = Clip("plan", duration_s=4.0, plan=ScenePlan((Part(silence(1.0)),), 4.0))
    parts = [span(scene, at, 1.0) for at in range(4)]
    assert len({clip.key for clip in [scene, *parts]}) == 5
    assert span(scene, 0.0, 4.0).key == scene.key
    assert Clip("plan", plan=scene.plan).key == scene.key
