"""Datasets on disk: round trips, other readers, embedded audio and filters."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.audio.load import clear_cache, load
from harken.audio.single import span
from harken.errors import AudioError, DataError
from harken.item import Drop, HistoryEntry, Item
from harken.shards.build import build_dataset
from harken.shards.jsonl import read_jsonl, write_jsonl
from harken.shards.read import open_dataset, read_items
from harken.shards.steps import apply_steps, run_steps
from harken.shards.write import write_dataset
from made_items import contents, make, tone
from paths import REPO
from test_item import items as any_items

# Round trips


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(any_items(), max_size=5))
def test_any_item_survives_parquet_and_jsonl(
    tmp_path_factory: pytest.TempPathFactory, made: list[Item]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    info = write_dataset(made, folder / "data", name="any", rows=2)
    back = list(read_items(folder / "data"))
    assert info.items == len(back) == len(made)
    for old, new in zip(made, back, strict=True):
        assert new.id == old.id
        # Paths became absolute and unhashed clips got an origin; all else is as it was.
        plain, again = old.to_dict(), new.to_dict()
        assert {**plain, "clips": 0} == {**again, "clips": 0}
        assert [c.key for c in old.clips] == [c.key for c in new.clips]
        for a, b in zip(old.clips, new.clips, strict=True):
            assert (a.kind, a.start_s, a.duration_s, a.sha256) == (
                b.kind,
                b.start_s,
                b.duration_s,
                b.sha256,
            )
    unique = {item.id: item for item in made}
    write_jsonl(unique.values(), folder / "items.jsonl")
    assert [item.id for item in read_jsonl(folder / "items.jsonl")] == list(unique)


def test_the_counts_are_of_what_is_there(tmp_path: Path) -> None:
    info = write_dataset((make(i) for i in range(10)), tmp_path, name="ten", rows=4)
    assert info.counts == {
        "split": {"test": 4, "train": 6},
        "task": {"count": 5, "first": 5},
        "contribution": {"": 5, "weak": 5},
    }
    assert info.licences == {"CC0-1.0": 10}
    assert [shard.rows for shard in info.shards] == [4, 4, 2]
    dataset = open_dataset(tmp_path, verify=True)
    assert dataset.info == info
    assert len(dataset) == 10
    assert [item.id for item in dataset] == [make(i).id for i in range(10)]
    assert {item.split for item in dataset.items(split="test")} == {"test"}
    assert len(list(dataset.items(split="train", task="first"))) == 3  # 1, 5 and 7
    assert list(dataset.rows(["task"]))[:2] == [{"task": "count"}, {"task": "first"}]


def test_an_item_is_found_by_its_id(tmp_path: Path) -> None:
    write_dataset((make(i) for i in range(10)), tmp_path, name="ten", rows=4)
    dataset = open_dataset(tmp_path)
    for number in range(10):
        assert dataset.get(make(number).id) == make(number)
    for absent in ("0" * 16, "f" * 16, "nothing", ""):
        with pytest.raises(DataError, match="no item has the id"):
            dataset.get(absent)


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dataset((make(i) for i in range(30)), tmp_path / name, name="same", rows=16)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_empty_dataset_is_a_dataset(tmp_path: Path) -> None:
    assert write_dataset([], tmp_path / "a", name="none").items == 0
    assert build_dataset(tmp_path / "b", [], name="none").items == 0
    assert list(read_items(tmp_path / "a")) == list(read_items(tmp_path / "b")) == []


# Other readers


@pytest.fixture(scope="module")
def shards_for_others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("others")
    clips = (tone(folder / "audio/a.flac", 300), silence(1.0), tone(folder / "audio/b.wav", 500))
    items = [make(i, clips[: i % 4]) for i in range(20)]
    write_dataset(items, folder / "embedded", name="e", embed=True, rows=8)
    write_dataset(items, folder / "referenced", name="r", rows=8)
    return folder


@pytest.mark.parametrize("kind", ["embedded", "referenced"])
def test_datasets_reads_the_shards_as_they_are(shards_for_others: Path, kind: str) -> None:
    datasets = pytest.importorskip("datasets")
    files = sorted(str(p) for p in (shards_for_others / kind).glob("*.parquet"))
    datasets.disable_progress_bars()
    table = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(shards_for_others / "cache")
    )
    assert len(table) == 20
    assert table[3]["choices"] == ["a", "b", "c"]
    assert [clip["kind"] for clip in table[3]["clips"]][1] == "silence"
    assert (table[3]["audio"][0]["bytes"] is not None) == (kind == "embedded")


@pytest.mark.parametrize("kind", ["embedded", "referenced"])
def test_polars_reads_the_shards_as_they_are(shards_for_others: Path, kind: str) -> None:
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(shards_for_others / kind / "*.parquet")
    assert table.height == 20
    assert table.filter(polars.col("task") == "count").height == 10
    assert table["id"].to_list() == [i.id for i in read_items(shards_for_others / kind)]


@pytest.mark.parametrize("kind", ["embedded", "referenced"])
def test_duckdb_reads_the_shards_as_they_are(shards_for_others: Path, kind: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    files = str(shards_for_others / kind / "*.parquet")
    found = duckdb.sql(
        f"select count(*), sum(len(clips)), max(contribution.bits) from read_parquet('{files}')"
    ).fetchall()
    assert found == [(20, sum(i % 4 for i in range(20)), 0.5)]


# Audio: referenced and embedded


def test_dataset_and_audio_move_together(tmp_path: Path) -> None:
    clip = tone(tmp_path / "here/audio/a.wav", 300)
    unhashed = Clip(path=clip.path, duration_s=0.25)
    scene = Clip(kind="plan", plan=ScenePlan((Part(unhashed),), 0.5), duration_s=0.5)
    item = make(0, (clip, unhashed, scene))
    write_dataset([item], tmp_path / "here/data", name="d", root=tmp_path / "here/audio")
    write_dataset([item], tmp_path / "here/data2", name="d")
    assert open_dataset(tmp_path / "here/data").info.root == "../audio"
    before = load(scene)
    (tmp_path / "here").rename(tmp_path / "there")
    for folder in ("data", "data2"):
        (moved,) = read_items(tmp_path / "there" / folder)
        assert moved.id == item.id
        assert moved.clips[0].path == str(tmp_path / "there/audio/a.wav")
        assert np.array_equal(load(moved.clips[2]), before)


def test_embedded_audio_loads_without_its_sources(tmp_path: Path) -> None:
    flac, wav = tone(tmp_path / "a/a.flac", 300), tone(tmp_path / "a/b.wav", 500)
    scene = Clip(kind="plan", plan=ScenePlan((Part(flac), Part(wav, 0.25)), 0.8), duration_s=0.8)
    clips = (flac, wav, span(wav, 0.125, 0.25), scene, silence(0.5))
    heard = [load(clip) for clip in clips]
    original = Path(flac.path).read_bytes()
    item = make(0, clips)
    write_dataset([item], tmp_path / "data", name="d", embed=True)
    shutil.rmtree(tmp_path / "a")
    clear_cache()
    (back,) = read_items(tmp_path / "data")
    assert back.id == item.id
    assert [clip.kind for clip in back.clips] == ["shard"] * 4 + ["silence"]
    for clip, old, before in zip(back.clips, clips, heard, strict=True):
        assert clip.key == old.key
        assert clip.duration_s == pytest.approx(old.duration_s)
        # 16-bit FLAC: half a step of 1/32768, and a little more where soxr filters it.
        assert np.abs(load(clip) - before).max() <= 2 / 32768
    assert back.clips[3].plan is not None  # the scene is kept as provenance

    import pyarrow.parquet as pq

    column = pq.read_table(tmp_path / "data/shard-00000.parquet")["audio"].to_pylist()
    assert column[0][0]["bytes"] == original  # a whole FLAC goes in as it is
    assert column[0][4]["bytes"] is None


def test_every_row_has_its_own_audio_whatever_group_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards of seven rows in groups of three: each item read, found and heard as itself."""
    monkeypatch.setattr("harken.shards.write.GROUP_ROWS", 3)
    clips = [tone(tmp_path / f"a/{i}.wav", 200 + 100 * i, 0.1) for i in range(17)]
    heard = [load(clip) for clip in clips]
    write_dataset(
        (make(i, (clips[-1 - i], clip)) for i, clip in enumerate(clips)),
        tmp_path / "d", name="d", embed=True, rows=7,
    )  # fmt: skip
    shutil.rmtree(tmp_path / "a")
    # The bytes are carried along into other shards, where they lie in other rows.
    write_dataset(list(read_items(tmp_path / "d"))[::-1], tmp_path / "e", name="e", rows=7)
    shutil.rmtree(tmp_path / "d")
    write_dataset(list(read_items(tmp_path / "e"))[::-1], tmp_path / "d", name="d", rows=7)
    clear_cache()
    dataset = open_dataset(tmp_path / "d")
    for i, item in enumerate(dataset):
        assert item.question == make(i).question
        for one in (item, dataset.get(item.id)):
            assert [clip.row for clip in one.clips] == [i % 7] * 2
            for clip, before in zip(one.clips, (heard[-1 - i], heard[i]), strict=True):
                clear_cache()
                assert np.abs(load(clip) - before).max() <= 2 / 32768


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_the_beginning_of_a_file_is_embedded_without_the_rest(tmp_path: Path, name: str) -> None:
    """A whole FLAC goes in as it is; one of which only the beginning is meant does not."""
    whole = tone(tmp_path / name, 300, 1.0)
    parts = (span(whole, 0.0, 0.25), span(whole, 0.75, 0.25))
    heard = [load(part) for part in parts]
    write_dataset([make(0, parts)], tmp_path / "d", name="d", embed=True)
    (tmp_path / name).unlink()
    clear_cache()
    (item,) = read_items(tmp_path / "d")
    for clip, before in zip(item.clips, heard, strict=True):
        assert clip.duration_s == pytest.approx(0.25)
        found = load(clip)
        assert len(found) == len(before) and np.abs(found - before).max() <= 2 / 32768


def test_embedded_bytes_that_changed_are_not_heard(tmp_path: Path) -> None:
    """A shard replaced by another of its shape holds other sounds than the item was made of."""
    for name, hz in (("a", 300), ("b", 500)):
        clip = tone(tmp_path / f"{name}.wav", hz)
        write_dataset([make(0, (clip,))], tmp_path / name, name="d", embed=True)
    (item,) = read_items(tmp_path / "a")
    shutil.copy(tmp_path / "b/shard-00000.parquet", tmp_path / "a/shard-00000.parquet")
    clear_cache()
    with pytest.raises(AudioError, match="SHA-256"):
        load(item.clips[0])
    with pytest.raises(AudioError, match="not those that were written"):
        write_dataset([item], tmp_path / "c", name="c")  # embedded audio is carried along


def test_embedded_audio_is_carried_through_filters(tmp_path: Path) -> None:
    clips = [tone(tmp_path / f"a/{i}.wav", 200 + 50 * i) for i in range(6)]
    items = [make(i, (clips[i], clips[-1 - i])) for i in range(6)]
    write_dataset(items, tmp_path / "one", name="one", embed=True, rows=4)
    heard = {item.id: [load(c) for c in item.clips] for item in read_items(tmp_path / "one")}
    shutil.rmtree(tmp_path / "a")

    def odd(stream: Iterable[Item]) -> Iterator[Item | Drop]:
        for number, item in enumerate(stream):
            yield item if number % 2 else Drop(item, "even")

    run_steps(read_items(tmp_path / "one"), [odd], tmp_path / "two", tmp_path / "no")
    shutil.rmtree(tmp_path / "one")
    clear_cache()
    both = [*read_items(tmp_path / "two"), *read_items(tmp_path / "no")]
    assert {item.id for item in both} == {item.id for item in items}
    for item in both:
        for clip, before in zip(item.clips, heard[item.id], strict=True):
            assert clip.kind == "shard"
            assert np.array_equal(load(clip), before)


def test_spans_of_an_embedded_clip_are_different_clips(tmp_path: Path) -> None:
    write_dataset([make(0, (tone(tmp_path / "a.wav", 300),))], tmp_path / "d", name="d", embed=True)
    (item,) = read_items(tmp_path / "d")
    whole = item.clips[0]
    cut = span(whole, 0.1, 0.2)
    assert len({whole.key, cut.key, span(whole, 0.2, 0.2).key}) == 3
    write_dataset([make(0, (cut,))], tmp_path / "e", name="e")
    (again,) = read_items(tmp_path / "e")
    assert again.clips[0].key == cut.key
    assert np.array_equal(load(again.clips[0]), load(cut))


def test_audio_that_cannot_be_embedded_stops_the_writing(tmp_path: Path) -> None:
    clip = tone(tmp_path / "a.wav", 300)
    Path(clip.path).write_bytes(b"RIFF")
    with pytest.raises(AudioError):
        write_dataset([make(0, (clip,))], tmp_path / "d", name="d", embed=True)
    assert not (tmp_path / "d/dataset.json").exists()


# Steps


def fourth(stream: Iterable[Item]) -> Iterator[Item | Drop]:
    for number, item in enumerate(stream):
        yield Drop(item, "a fourth") if number % 4 == 0 else item


def last_of_three(stream: Iterable[Item]) -> Iterator[Item | Drop]:
    for number, item in enumerate(stream):
        yield Drop(item, "a third") if number % 3 == 2 else item


def test_steps_count_everything_and_keep_what_they_drop(tmp_path: Path) -> None:
    counts = run_steps(
        (make(i) for i in range(100)), [fourth, last_of_three], tmp_path / "k", tmp_path / "d"
    )
    # 25 of 100 go at the first step; of the 75 left every third at the second.
    assert counts.seen == 100
    assert counts.dropped == {"a fourth": 25, "a third": 25}
    assert counts.kept == 50
    assert [tuple(one.values()) for one in counts.steps] == [
        ("fourth", 100, 75, {"a fourth": 25}, {}),
        ("last_of_three", 75, 50, {"a third": 25}, {}),
    ]
    kept, dropped = list(read_items(tmp_path / "k")), list(read_items(tmp_path / "d"))
    assert len(kept) == 50 and len(dropped) == 50
    assert {i.id for i in kept} | {i.id for i in dropped} == {make(i).id for i in range(100)}
    assert dropped[0].history[-1] == HistoryEntry("fourth", "a fourth")
    assert open_dataset(tmp_path / "k").info.steps["dropped"] == counts.dropped
    loose = list(apply_steps((make(i) for i in range(100)), [fourth, last_of_three]))
    assert sum(isinstance(one, Drop) for one in loose) == 50


def test_a_step_has_a_name_and_a_drop_a_note(tmp_path: Path) -> None:
    class Named:
        name, told = "picky", {"seen": 3}

        def __call__(self, stream: Iterable[Item]) -> Iterator[Item | Drop]:
            yield from (Drop(item, "twice", f"of {n}") for n, item in enumerate(stream))

    where = tmp_path / "k", tmp_path / "d"
    counts = run_steps((make(i) for i in range(3)), [Named()], *where, plan={})
    assert counts.dropped == {"twice": 3} and counts.steps[0]["told"] == {"seen": 3}
    lines = [item.history[-1] for item in read_items(tmp_path / "d")]
    assert lines == [HistoryEntry("picky", f"twice: of {n}") for n in range(3)]
    assert run_steps(iter(()), [Named()], *where, plan={}) == counts  # from dataset.json
    (loose, *_) = apply_steps((make(i) for i in range(3)), [Named()])
    assert isinstance(loose, Drop) and loose.why == "twice: of 0"


def test_a_step_that_loses_an_item_is_caught(tmp_path: Path) -> None:
    def loses(stream: Iterable[Item]) -> Iterator[Item]:
        for number, item in enumerate(stream):
            if number != 3:
                yield item

    with pytest.raises(DataError, match="loses took 10 items and returned 9"):
        run_steps((make(i) for i in range(10)), [loses], tmp_path / "k", tmp_path / "d")
    assert not (tmp_path / "k/dataset.json").exists()


def test_a_finished_job_of_the_same_plan_is_left_alone(tmp_path: Path) -> None:
    where = (tmp_path / "k", tmp_path / "d")
    first = run_steps((make(i) for i in range(9)), [fourth], *where, plan={"s": 1})
    assert run_steps(iter(()), [fourth], *where, plan={"s": 1}) == first
    with pytest.raises(DataError, match=r"plan\.s: 1 -> 2"):
        run_steps(iter(()), [fourth], *where, plan={"s": 2})


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_items() -> None:
    command = [sys.executable, str(REPO / "benchmarks/stream_items.py"), "--items", "1500", "9000"]
    done = subprocess.run(
        [*command, "--repeats", "1", "--ways", "harken"], capture_output=True, text=True, check=True
    )
    # The small one fills a third of a shard, the large one more than two.
    assert float(done.stdout.rsplit("=", 1)[1]) <= 1.15
