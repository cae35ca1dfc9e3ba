"""Flipped bits in datasets: told as damage, or without effect; never other items in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harken.errors import DataError
from harken.hashing import sealed
from harken.item import Item
from harken.shards import read as reading
from harken.shards.build import Unit, build_dataset
from harken.shards.read import open_dataset, read_items
from made_items import contents, make, tone


def build(folder: Path, sounds: Path, *, embed: bool) -> Path:
    clip = tone(sounds / "a.wav", 300)
    units = [
        Unit(f"unit {u}", lambda u=u: (make(u * 20 + i, (clip,)) for i in range(20)))
        for u in (0, 1, 2)
    ]
    build_dataset(folder, units, name="n", plan={"seed": 1}, embed=embed)  # type: ignore[arg-type]
    return folder


def flip(path: Path, rng: np.random.Generator) -> bytes:
    """Flip one bit of a file; returns the content before."""
    data = path.read_bytes()
    place = int(rng.integers(8 * len(data)))
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    path.write_bytes(bytes(changed))
    return data


def read_or_damage(folder: Path) -> list[Item] | None:
    try:
        return list(read_items(folder))
    except DataError as error:
        assert error.where and error.hint
        return None


@pytest.mark.slow
@pytest.mark.parametrize("embed", [False, True])
def test_400_flipped_bits_in_shards_give_no_other_items(tmp_path: Path, embed: bool) -> None:
    folder = build(tmp_path / "d", tmp_path, embed=embed)
    expected = list(read_items(folder))
    rng = np.random.default_rng(8)
    shards = sorted(folder.glob("shard-*.parquet"))
    for _ in range(200):
        shard = shards[rng.integers(len(shards))]
        whole = flip(shard, rng)
        assert read_or_damage(folder) is None  # every bit of a shard is under its hash
        shard.write_bytes(whole)
    assert list(read_items(folder)) == expected


def test_flipped_bits_in_dataset_json_are_noticed(tmp_path: Path) -> None:
    folder = build(tmp_path / "d", tmp_path, embed=False)
    expected, whole = list(read_items(folder)), open_dataset(folder).info
    rng = np.random.default_rng(9)
    other = 0
    for _ in range(200):
        before = flip(folder / "dataset.json", rng)
        found = read_or_damage(folder)
        if found is not None:  # between the values: a space that became another blank, say
            other += found != expected or open_dataset(folder).info != whole
        (folder / "dataset.json").write_bytes(before)
    assert other == 0


def test_the_columns_and_one_item_are_checked_too(tmp_path: Path) -> None:
    folder = build(tmp_path / "d", tmp_path, embed=False)
    name = next(read_items(folder)).id
    flip(folder / "shard-00002.parquet", np.random.default_rng(0))
    with pytest.raises(DataError, match="shard-00002"):
        list(open_dataset(folder).rows(["question"]))
    with pytest.raises(DataError, match="shard-00002"):
        open_dataset(folder).get(name)


def test_a_shard_is_hashed_once_however_often_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build(tmp_path / "d", tmp_path, embed=False)
    hashed: list[Path] = []
    true = reading.sha256_of
    monkeypatch.setattr(reading, "sha256_of", lambda path: hashed.append(path) or true(path))
    dataset = open_dataset(folder)
    for _ in range(3):
        assert len(list(dataset)) == 60
        dataset.get(next(iter(dataset)).id)
    assert len(hashed) == 3


def test_rows_under_another_items_id_are_refused_though_all_hashes_fit(tmp_path: Path) -> None:
    """A shard that another program wrote again, and entered in `dataset.json`."""
    folder = build(tmp_path / "d", tmp_path, embed=False)
    path = folder / "shard-00000.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[3]["question"] = "Another question?"
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    info = json.loads((folder / "dataset.json").read_text())
    info["shards"][0] |= {"sha256": reading.sha256_of(path), "bytes": path.stat().st_size}
    (folder / "dataset.json").write_text(json.dumps(sealed(info)))
    with pytest.raises(DataError, match=f"row 3 has the id {rows[3]['id']}"):
        list(read_items(folder))


def test_a_rerun_makes_damaged_shards_again(tmp_path: Path) -> None:
    """Of a complete dataset by its hashes; of a killed one by the checksums of its pages."""
    folder = build(tmp_path / "d", tmp_path, embed=True)
    whole = contents(folder)
    rng = np.random.default_rng(5)
    for number in range(20):
        if number % 2:
            (folder / "dataset.json").unlink()
        flip(folder / f"shard-{number % 3:05d}.parquet", rng)
        try:
            build(folder, tmp_path, embed=True)
        except DataError as error:  # a bit of the plan in the footer
            assert number % 2 and "another plan" in str(error)
            shutil.rmtree(folder)
            build(folder, tmp_path, embed=True)
        assert contents(folder) == whole
