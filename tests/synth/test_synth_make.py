"""Datasets: whole, resumable after a kill, byte-identical, and rendered the same again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from labelled_sounds import write_world

from harken.audio.load import clear_cache, render
from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError, DataError
from harken.shards.info import read_info
from harken.shards.read import open_dataset
from harken.synth.make import families_of, make_dataset, redraw
from paths import REPO

CHILD = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from labelled_sounds import write_world
from harken.engines.load import open_engine
from harken.synth.make import make_dataset
with open_engine("local", {workers}) as engine:
    make_dataset(write_world(Path({world!r})), Path({out!r}), per_family=300, seed=3, embed=True,
                 families=["first", "same-word"], engine=engine)
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    return write_world(tmp_path_factory.mktemp("world"))


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_a_dataset_holds_what_was_drawn(small: list[Recording], tmp_path: Path) -> None:
    made = make_dataset(small, tmp_path / "d", per_family=20, seed=1)
    info = read_info(tmp_path / "d")
    assert made["items"] == info.items == sum(made["counts"].values())
    known = families_of(["recordings"])
    both = {f"{f}/{s}" for f in known for s in ("train", "test")}
    # For training only; and only some of the numbers are there.
    skipped = {"talk/test", "next-turn/train", "next-turn/test"}
    assert set(made["counts"]) == both - skipped
    assert set(made["skipped"]) == skipped and info.plan["families"] == list(known)
    assert info.plan["seed"] == 1 and len(info.plan["corpus"]) == 16
    items = list(open_dataset(tmp_path / "d").items())
    assert len({item.id for item in items}) == len(items)
    for item in items[::17]:
        again = redraw(item.plan, small)
        assert again.id == item.id and again.clips == item.clips


def test_units_hold_at_most_256_items_of_one_family_and_split(
    small: list[Recording], tmp_path: Path
) -> None:
    make_dataset(small, tmp_path / "d", families=["which-clip"], per_family=300, splits=["train"])
    info = read_info(tmp_path / "d")
    assert [(s.key, s.rows) for s in info.shards] == [
        ("which-clip/train/0", 256),
        ("which-clip/train/1", 44),
    ]
    items = list(open_dataset(tmp_path / "d").items())
    assert [item.plan["index"] for item in items] == list(range(300))
    assert {item.plan["unit"] for item in items} == {0, 1}


def test_what_cannot_be_made_is_counted_with_its_reason(
    small: list[Recording], tmp_path: Path
) -> None:
    from dataclasses import replace

    mute = [
        replace(r, speaker="test:anna") if r.split == "test" and r.speaker else r for r in small
    ]
    asked = {"test": 5000, "train": 4}
    families = ["presence", "same-speaker"]
    made = make_dataset(mute, tmp_path / "d", families=families, per_family=asked)
    assert list(made["skipped"]) == ["same-speaker/test"]
    assert "there are 1" in made["skipped"]["same-speaker/test"]
    assert "5000 were asked for" in made["short"]["presence/test"]
    plan = read_info(tmp_path / "d").plan
    assert plan["skipped"] == made["skipped"] and plan["short"] == made["short"]
    with pytest.raises(DataError, match="none of the questions"):
        make_dataset(mute, tmp_path / "e", families=["same-speaker"], splits=["test"])
    with pytest.raises(ConfigError, match="no recording is in split"):
        make_dataset(mute, tmp_path / "e", splits=["dev"])
    with pytest.raises(ConfigError, match="presence"):
        make_dataset(mute, tmp_path / "e", families=["presense"])


def test_the_same_seed_gives_the_same_bytes(small: list[Recording], tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_dataset(
            small[:: 1 if name == "a" else -1], tmp_path / name, per_family=10, seed=4, embed=True
        )
    make_dataset(small, tmp_path / "c", per_family=10, seed=5, embed=True)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


def test_plan_clips_render_to_the_same_bytes(small: list[Recording], tmp_path: Path) -> None:
    make_dataset(small, tmp_path / "d", families=["first", "same-word"], per_family=8)
    for item in open_dataset(tmp_path / "d").items():
        for clip, again in zip(item.clips, redraw(item.plan, small).clips, strict=True):
            if clip.plan is None or again.plan is None:
                continue
            once = render(clip.plan)
            clear_cache()
            assert render(again.plan).tobytes() == once.tobytes()
            assert len(once) == round((clip.duration_s or 0) * 16_000)
            assert 0.01 < float(np.abs(once).max()) <= 1.0


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    def start(out: Path, workers: int) -> subprocess.Popen[bytes]:
        paths = [str(REPO / "tests" / "synth"), str(REPO / "tests"), str(REPO / "src")]
        places = {"world": str(tmp_path / "world"), "out": str(out)}
        code = CHILD.format(paths=paths, workers=workers, **places)
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.DEVNULL)

    whole = tmp_path / "whole"
    assert start(whole, 1).wait(200) == 0
    for workers in (1, 2):
        killed = tmp_path / f"killed-{workers}"
        first = start(killed, workers)
        deadline = time.monotonic() + 200
        while not list(killed.glob("shard-*.parquet")):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert not (killed / "dataset.json").exists()
        assert start(killed, workers).wait(200) == 0
        assert content(killed) == content(whole)


@pytest.mark.parametrize(("name", "families"), [("esc10", 12), ("fsdd", 10)])
def test_real_corpora_give_questions(
    name: str, families: int, corpora_root: Path, tmp_path: Path
) -> None:
    corpus = read_corpus(corpora_root / name, limit=200)
    recordings = assign_splits(corpus.recordings, 0)
    made = make_dataset(recordings, tmp_path / "d", per_family=12, splits=["test"])
    assert len(made["counts"]) == families
    assert set(made["counts"].values()) == {12}
    assert json.dumps(made["skipped"])


def test_what_must_be_heard_is_told_of_families_about_recordings_too(
    small: list[Recording], tmp_path: Path
) -> None:
    names = ["identify", "first", "order", "talk", "when"]
    made = make_dataset(small, tmp_path / "d", families=names, per_family=8, splits=["train"])
    needs = {name: own["caption_proof"] for name, own in made["needs"].items()}
    assert needs == {"identify": 0.0, "first": 1.0, "order": 0.5, "when": 1.0}  # talk: not known
    assert read_info(tmp_path / "d").plan["needs"] == made["needs"]
    items = list(open_dataset(tmp_path / "d").items())
    assert {i.need.window_s is None for i in items if i.task != "when" and i.need} == {True}
    (when,) = (own for name, own in made["needs"].items() if name == "when")
    assert when["window_s"] == pytest.approx(
        np.mean([i.need.window_s for i in items if i.task == "when" and i.need]), abs=1e-3
    )


def test_a_dataset_of_scenes_has_the_same_bytes_again_and_each_split_its_own_recordings(
    small: list[Recording], tmp_path: Path
) -> None:
    names = ["before-after", "direction", "twins"]
    for folder in ("a", "b"):
        make_dataset(small, tmp_path / folder, families=names, per_family=6, seed=2)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    of_split = {r.id: r.split for r in small}
    items = list(open_dataset(tmp_path / "a").items())
    assert len(items) == 36
    for item in items:
        assert {of_split[one] for one in item.recordings} == {item.split}
        assert redraw(item.plan, small) == item
        assert item.need is not None and (item.task == "twins") is bool(item.twins)
