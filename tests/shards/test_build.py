"""Datasets built on engines: the same bytes whatever happens; what fails is kept apart."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import engine_work
import pytest

from harken.engines.load import open_engine
from harken.engines.run import read_failures
from harken.errors import ConfigError, TooManyFailures
from harken.shards.build import Unit, build_dataset
from harken.shards.estimate import estimate
from harken.shards.read import open_dataset
from made_items import contents, tone


def units(folder: Path) -> list[Unit]:
    return [
        Unit(f"u{n}", partial(engine_work.items_of_files, 5 * n, str(folder)), 5) for n in range(4)
    ]


def sounds(folder: Path) -> Path:
    for i in range(20):
        tone(folder / f"{i}.wav", 200 + 20 * i)
    return folder


def test_two_workers_write_the_bytes_of_one(tmp_path: Path) -> None:
    own = units(sounds(tmp_path / "sounds"))
    build_dataset(tmp_path / "one", own, name="n", plan=1, embed=True)
    with open_engine("local", 2) as engine:
        build_dataset(tmp_path / "two", own, name="n", plan=1, embed=True, engine=engine)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(list(open_dataset(tmp_path / "two").items())) == 20


def test_a_worker_killed_within_a_unit_changes_no_byte(tmp_path: Path) -> None:
    mark = tmp_path / "died"
    own = [
        Unit(f"u{n}", partial(engine_work.items_or_death, 5 * n, str(mark)), 5) for n in range(3)
    ]
    with open_engine("local", 2) as engine:
        build_dataset(tmp_path / "killed", own, name="n", plan=1, engine=engine)
    assert mark.exists()
    build_dataset(tmp_path / "calm", own, name="n", plan=1)
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")


def test_items_that_cannot_be_made_are_kept_apart_until_they_can(tmp_path: Path) -> None:
    folder = sounds(tmp_path / "sounds")
    own, out = units(folder), tmp_path / "d"
    build_dataset(tmp_path / "calm", own, name="n", plan=1, embed=True)
    for i in (6, 8):
        os.rename(folder / f"{i}.wav", folder / f"{i}.gone")
    with pytest.raises(TooManyFailures, match="1 units of work with 2 items failed 3 times; u1"):
        build_dataset(out, own, name="n", plan=1, embed=True)
    assert not (out / "dataset.json").exists() and len(list(out.glob("shard-*"))) == 3
    (failed,) = read_failures(out)
    assert failed["unit"] == "u1" and [one["plan"]["picks"] for one in failed["items"]] == [
        [6],
        [8],
    ]
    assert all("6.wav" in one["reason"] or "8.wav" in one["reason"] for one in failed["items"])
    for i in (6, 8):
        os.rename(folder / f"{i}.gone", folder / f"{i}.wav")
    build_dataset(out, own, name="n", plan=1, embed=True)
    assert contents(out) == contents(tmp_path / "calm")


def test_work_of_closures_needs_one_worker(tmp_path: Path) -> None:
    own = [Unit("a", lambda: engine_work.items_of(0, 0))]
    with open_engine("local", 2) as engine, pytest.raises(ConfigError, match="cannot be sent"):
        build_dataset(tmp_path / "d", own, name="n", plan=1, engine=engine)
    assert build_dataset(tmp_path / "d", own, name="n", plan=1).items == 5


def test_an_estimate_is_near_what_is_written(tmp_path: Path) -> None:
    own = units(sounds(tmp_path / "sounds"))
    for embed in (False, True):
        expected = estimate(own, (), embed=embed, root=tmp_path)
        info = build_dataset(
            tmp_path / str(embed), own, name="n", plan=1, embed=embed, root=tmp_path
        )
        real = sum(shard.bytes for shard in info.shards)
        assert (expected.units, expected.items) == (4, 20) and expected.seconds > 0
        assert 0.7 < expected.bytes / real < 1.6
