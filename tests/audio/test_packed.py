"""Audio inside Parquet, Arrow and tar files: which columns, which bytes, what is refused."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harken.audio.packed import audio_columns, clear_pages, packed_bytes, suffix_of
from harken.errors import AudioError
from made_items import tone

CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def told(**features: object) -> dict[bytes, bytes]:
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


AUDIO, IMAGE = {"_type": "Audio"}, {"_type": "Image"}


@pytest.mark.parametrize(
    ("fields", "metadata", "expected"),
    [
        ([("a", CELL), ("q", pa.string())], None, ("a",)),
        ([("q", pa.string()), ("b", pa.list_(CELL)), ("a", CELL)], None, ("b", "a")),
        ([("a", CELL), ("i", CELL)], told(a=AUDIO, i=IMAGE), ("a",)),
        ([("a", pa.list_(CELL)), ("i", CELL)], told(a=[AUDIO], i=IMAGE), ("a",)),
        ([("a", pa.list_(CELL))], told(a={"_type": "Sequence", "feature": AUDIO}), ("a",)),
        ([("i", pa.list_(CELL))], told(i={"_type": "List", "feature": IMAGE}), ()),
        ([("clips", pa.string()), ("audio", CELL), ("b", CELL)], None, ("audio",)),
        ([("q", pa.struct([("bytes", pa.binary())]))], None, ()),
        ([("a", CELL)], {b"huggingface": b"{broken"}, ("a",)),
    ],
)
def test_audio_columns(
    fields: list[tuple[str, pa.DataType]],
    metadata: dict[bytes, bytes] | None,
    expected: tuple[str, ...],
) -> None:
    assert audio_columns(pa.schema(fields, metadata=metadata)) == expected


def rows(count: int) -> pa.Table:
    """Rows with one sound and a list of as many as their number, each with bytes of its own."""
    values = [
        {
            "one": {"bytes": f"one {i}".encode(), "path": ""},
            "more": [{"bytes": f"{i}.{k}".encode(), "path": ""} for k in range(i % 3)],
        }
        for i in range(count)
    ]
    return pa.Table.from_pylist(values, pa.schema([("one", CELL), ("more", pa.list_(CELL))]))


@pytest.mark.parametrize("kind", ["parquet", "stream", "file"])
def test_every_cell_of_every_page_has_its_bytes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    if kind == "parquet":
        pq.write_table(rows(7), path, row_group_size=3)
    else:
        make = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as file, make(file, rows(1).schema) as writer:
            writer.write_table(rows(7), max_chunksize=3)
    for i in (6, 0, 3, 5, 1, 2, 4):
        assert packed_bytes(str(path), i, 0) == f"one {i}".encode()
        for k in range(i % 3):
            assert packed_bytes(str(path), i, 1 + k) == f"{i}.{k}".encode()
        with pytest.raises(AudioError, match="no bytes"):
            packed_bytes(str(path), i, 1 + i % 3)
    for row in (7, -1):
        with pytest.raises(AudioError, match="no row"):
            packed_bytes(str(path), row, 0)


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(rows(2), path)
    assert packed_bytes(str(path), 1, 0) == b"one 1"
    pq.write_table(rows(4).slice(2), path)
    assert packed_bytes(str(path), 1, 0) == b"one 3"
    clear_pages()
    assert packed_bytes(str(path), 0, 0) == b"one 2"


def test_members_of_a_tar_archive_are_counted_without_folders(tmp_path: Path) -> None:
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in (("d", None), ("d/a", b"aa"), ("b", b"bbb")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = (
                (tarfile.DIRTYPE, 0) if data is None else (entry.type, len(data))
            )
            archive.addfile(entry, io.BytesIO(data or b""))
    assert [packed_bytes(str(path), i, 0) for i in (1, 0)] == [b"bbb", b"aa"]
    with pytest.raises(AudioError, match="row 2 has no bytes"):
        packed_bytes(str(path), 2, 0)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"PAR1 and no table", b"\xff\xff\xff\xff\x01"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(AudioError) as caught:
        packed_bytes(str(path), 0, 0)
    assert caught.value.reason in ("unsupported", "corrupt", "empty")
    with pytest.raises(AudioError):
        packed_bytes(str(tmp_path / "gone"), 0, 0)


def test_the_suffix_is_that_of_the_bytes(tmp_path: Path) -> None:
    for suffix in ("wav", "flac"):
        path = tmp_path / f"x.{suffix}"
        tone(path, 440)
        assert suffix_of(path.read_bytes()) == suffix
