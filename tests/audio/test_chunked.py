"""Containers whose stated length is unknown or untrue: heard whole or refused, never cut short."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from harken.audio.chunked import MOST_CHUNKS
from harken.audio.clip import Clip
from harken.audio.load import load
from harken.audio.probe import probe
from harken.errors import AudioError

N = 12_000
RATE = 16_000


def steps(n: int = N, channels: int = 1) -> np.ndarray:
    """Noise on the 16-bit grid."""
    whole = np.random.default_rng([n, channels]).integers(-20_000, 20_000, (n, channels))
    return (whole / 32768).astype(np.float32)


def encoded(format: str, subtype: str = "PCM_16", **more: int) -> bytes:
    out = io.BytesIO()
    sf.write(out, steps(**more), RATE, format=format, subtype=subtype)
    return out.getvalue()


def put(data: bytes, at: int, form: str, *values: int) -> bytes:
    new = struct.pack(form, *values)
    return data[:at] + new + data[at + len(new) :]


def wav(data: int | Callable[[int], int], riff: int = 0xFFFFFFFF, subtype: str = "PCM_16") -> bytes:
    """A WAV whose data chunk states `data` bytes, or that of the true number of bytes."""
    whole = encoded("WAV", subtype)
    at = whole.index(b"data") + 4
    true = struct.unpack("<I", whole[at : at + 4])[0]
    stated = data if isinstance(data, int) else data(true)
    return put(put(whole, 4, "<I", riff), at, "<I", stated)


def aiff(ssnd: int, frames: int) -> bytes:
    whole = encoded("AIFF")
    whole = put(whole, whole.index(b"COMM") + 10, ">I", frames)
    return put(whole, whole.index(b"SSND") + 4, ">I", ssnd)


def rf64(data: int) -> bytes:
    whole = encoded("RF64")
    return put(whole, whole.index(b"ds64") + 16, "<Q", data)


def w64(data: int) -> bytes:
    whole = encoded("W64")
    return put(whole, whole.index(b"data\xf3\xac") + 16, "<Q", data)


def caf(data: int) -> bytes:
    whole = encoded("CAF")
    return put(whole, whole.index(b"data") + 4, ">Q", data)


def rifx() -> bytes:
    data = (steps()[:, 0] * 32768).astype(">i2").tobytes()
    fmt = struct.pack(">HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    head = b"RIFX" + struct.pack(">I", 36 + len(data)) + b"WAVEfmt " + struct.pack(">I", 16)
    return head + fmt + b"data" + struct.pack(">I", len(data)) + data


def flac(frames: int | None = None, md5: bool = True) -> bytes:
    whole = encoded("FLAC")
    if frames is not None:
        fields = int.from_bytes(whole[18:26], "big") >> 36 << 36 | frames
        whole = whole[:18] + fields.to_bytes(8, "big") + whole[26:]
    return whole if md5 else whole[:26] + bytes(16) + whole[42:]


UNKNOWN = {
    "ff": wav(0xFFFFFFFF),
    "ff, true RIFF": wav(0xFFFFFFFF, riff=2 * N + 36),
    "ff less the header": wav(0xFFFFFFFF - 36),
    "zero": wav(0, riff=0),
    "zero, all RIFF": wav(0),
    "2 GB less 1": wav(0x7FFFFFFF),
    "2 GB": wav(0x80000000),
    "sox": wav(0x7FFFF000, riff=0x7FFFF024),
    "float": wav(0xFFFFFFFF, subtype="FLOAT"),
    "rf64 zero": rf64(0),
    "rf64 ff": rf64(0xFFFFFFFFFFFFFFFF),
    "w64 ff": w64(0xFFFFFFFFFFFFFFFF),
    "aiff zero": aiff(0, 0),
    "au ff": put(encoded("AU"), 8, ">I", 0xFFFFFFFF),
    "au zero": put(encoded("AU"), 8, ">I", 0),
    "caf -1": caf(0xFFFFFFFFFFFFFFFF),
    "flac": flac(0),
    "flac without hash": flac(0, md5=False),
}
WHOLE = {
    "aiff": encoded("AIFF"),
    "aifc": encoded("AIFF", "FLOAT"),
    "au": encoded("AU"),
    "caf": encoded("CAF"),
    "caf alac": encoded("CAF", "ALAC_16"),
    "w64": encoded("W64"),
    "rf64": encoded("RF64"),
    "rifx": rifx(),
    "list after": encoded("WAV") + b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + bytes(18),
    "tag after": encoded("WAV") + b"TAG" + b"x" * 125,
    "long tag after": encoded("WAV") + b"APETAGEX" + b"\x55" * 4000,
    "ID3 after": encoded("WAV") + b"ID3\x04" + b"\x55" * 4000,
    "padding after": encoded("WAV") + bytes(5000),
    "unknown chunk after": encoded("WAV") + b"what" + struct.pack("<I", 4000) + b"\x55" * 4000,
}
SHORT = {
    "a third": wav(lambda true: true // 3),
    "a third, true RIFF": wav(lambda true: true // 3, riff=2 * N + 36),
    "half, float": wav(lambda true: true // 2, subtype="FLOAT"),
    "a sample": wav(2),
    "rf64": rf64(N),
    "w64": w64(24 + N),
    "aiff": aiff(8 + N, N // 2),
    "aiff frames only": aiff(8 + 2 * N, N // 2),
    "au": put(encoded("AU"), 8, ">I", N),
    "caf": caf(4 + N),
    "flac": flac(N // 3),
    "flac without hash": flac(N // 3, md5=False),
}
CUT = {
    name: data[: len(data) - N]
    for name, data in {
        "wav": encoded("WAV"),
        "aiff": encoded("AIFF"),
        "au": encoded("AU"),
        "caf": encoded("CAF"),
        "w64": encoded("W64"),
        "rf64": encoded("RF64"),
        "rifx": rifx(),
    }.items()
}


def written(folder: Path, data: bytes, name: str = "a.bin") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_sound_of_unknown_length_is_heard_to_its_end(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, UNKNOWN[name])
    found = probe(path)
    assert found.duration_s == N / RATE
    assert [note.reason for note in found.notes] == ["unknown-length"]
    assert np.array_equal(load(Clip(path=str(path))), steps()[:, 0])
    part = load(Clip(path=str(path), start_s=0.25, duration_s=0.25))
    assert np.array_equal(part, steps()[4_000:8_000, 0])


@pytest.mark.parametrize("name", WHOLE)
def test_other_containers_and_what_stands_behind_the_samples(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE[name])
    found = probe(path)
    assert (found.duration_s, found.rate_hz, found.channels) == (N / RATE, RATE, 1)
    assert found.notes == ()
    assert np.array_equal(load(Clip(path=str(path))), steps()[:, 0])


@pytest.mark.parametrize("name", SHORT)
def test_a_header_that_states_less_than_there_is_is_refused(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, SHORT[name])
    for use in (probe, lambda path: load(Clip(path=str(path)))):
        with pytest.raises(AudioError) as caught:
            use(path)
        assert caught.value.reason == "short-header"


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_short_is_truncated(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        probe(written(tmp_path, CUT[name]))
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize(
    ("claim", "reason"), [(3_000_000_000, "bad-header"), (2 * N + 2, "truncated")]
)
def test_a_length_beyond_the_file_is_no_unknown_one(
    claim: int, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(AudioError) as caught:
        probe(written(tmp_path, wav(claim)))
    assert caught.value.reason == reason


def test_nothing_follows_a_length_of_zero(tmp_path: Path) -> None:
    for data in (wav(0)[: -2 * N], wav(0xFFFFFFFF)[: -2 * N], encoded("AU")[: -2 * N]):
        with pytest.raises(AudioError) as caught:
            probe(written(tmp_path, data))
        assert caught.value.reason in ("no-samples", "truncated")


def test_a_file_of_millions_of_chunks_is_refused_at_once(tmp_path: Path) -> None:
    head = encoded("WAV")[:36]
    with pytest.raises(AudioError) as caught:
        probe(written(tmp_path, head + b"junk\0\0\0\0" * (MOST_CHUNKS + 1)))
    assert caught.value.reason == "bad-header"


def test_joined_mp3_files_are_heard_whole(tmp_path: Path) -> None:
    one = encoded("MP3", "MPEG_LAYER_III", n=32_000)
    single = probe(written(tmp_path, one))
    assert single.notes == ()
    for count in (2, 3):
        found = probe(written(tmp_path, one * count, f"{count}.mp3"))
        assert [note.reason for note in found.notes] == ["joined"]
        assert found.duration_s == pytest.approx(count * single.duration_s, abs=0.2 * count)
        sound = load(Clip(path=str(tmp_path / f"{count}.mp3")))
        assert len(sound) == round(found.duration_s * RATE)
        assert np.std(sound[-16_000:-4_000]) > 0.1, "the last of them is heard"


NAMED = {
    "wav": encoded("WAV"),
    "flac": encoded("FLAC"),
    "vorbis": encoded("OGG", "VORBIS"),
    "mp3": encoded("MP3", "MPEG_LAYER_III"),
    "aiff": encoded("AIFF"),
    "caf": encoded("CAF"),
}


@pytest.mark.parametrize("format", NAMED)
def test_the_bytes_decide_whatever_the_name(format: str, tmp_path: Path) -> None:
    right = {"vorbis": ".ogg"}.get(format, f".{format}")
    heard = []
    for suffix in (".wav", ".flac", ".mp3", ".ogg", ".aiff", "", ".txt", right):
        path = written(tmp_path, NAMED[format], f"a{suffix}")
        found = probe(path)
        assert found.format == format
        odd = suffix not in ("", ".txt", right)
        assert [note.reason for note in found.notes] == ["wrong-extension"] * odd
        heard.append(load(Clip(path=str(path))))
    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    cell = [[{"bytes": NAMED[format], "path": "a.wav"}]]
    pq.write_table(pa.table({"audio": pa.array(cell, kind)}), tmp_path / "s.parquet")
    heard.append(load(Clip("shard", str(tmp_path / "s.parquet"), row=0, slot=0)))
    assert all(np.array_equal(one, heard[0]) for one in heard)


@pytest.mark.parametrize("padded", [True, False])
def test_some_writers_leave_out_the_padding_byte(padded: bool, tmp_path: Path) -> None:
    """An odd number of bytes of samples, and a chunk behind them."""
    out = io.BytesIO()
    sf.write(out, steps(N + 1), RATE, format="WAV", subtype="PCM_U8")
    whole = out.getvalue()
    whole = whole[: whole.index(b"data") + 8 + N + 1]
    more = b"LIST" + struct.pack("<I", 4000) + b"INFO" + b"\x55" * 3996
    path = written(tmp_path, whole + (b"\0" if padded else b"") + more)
    assert probe(path).duration_s == (N + 1) / RATE
