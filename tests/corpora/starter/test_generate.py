"""The generated corpus: what it holds, that it repeats, and that its classes differ."""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_wav, load
from harken.audio.probe import file_sha256
from harken.corpora.read import read_corpus
from harken.corpora.starter import generate as starter
from harken.corpora.starter.generate import SIZES, CorpusSize, generate_starter, make, plan_jobs
from harken.errors import ConfigError, DataError

TINY = CorpusSize(sounds=1, music=1, voices=1, words=2, takes=1, sentences=1)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / "smoke"
    generate_starter(folder, seed=0, size="smoke")
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "tiny", TINY)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_full_has_enough_of_everything() -> None:
    jobs = list(plan_jobs(SIZES["full"]))
    labels = {kind: {j.label for j in jobs if j.kind == kind} for kind in ("sound", "music")}
    assert len(labels["sound"]) >= 40
    assert len(labels["music"]) >= 10
    assert not labels["sound"] & labels["music"]
    assert len({j.voice for j in jobs if j.kind == "speech"}) >= 20
    assert len({j.path for j in jobs}) == len(jobs)


def test_the_smaller_size_is_part_of_the_larger() -> None:
    assert set(plan_jobs(SIZES["smoke"])) <= set(plan_jobs(SIZES["full"]))


@pytest.mark.slow
def test_no_two_clips_are_equal(smoke: Path) -> None:
    hashes = [row["sha256"] for row in rows(smoke)]
    assert len(set(hashes)) == len(hashes)


def test_the_marker_counts_what_is_there(smoke: Path) -> None:
    told = json.loads((smoke / "starter.json").read_text())
    lines = rows(smoke)
    assert told["clips"] == len(lines) == len(list(smoke.rglob("*.wav")))
    assert sum(told["kinds"].values()) == sum(told["splits"].values()) == told["clips"]
    assert told["manifest_sha256"] == file_sha256(smoke / "manifest.jsonl")
    assert told["seconds"] == pytest.approx(sum(r["duration_s"] for r in lines), abs=0.06)
    left = {p.name for p in smoke.iterdir()} - {"starter.json", "manifest.jsonl"}
    assert left <= {"sound", "music", "speech"}


def test_it_reads_as_a_corpus_with_disjoint_splits(smoke: Path) -> None:
    corpus = read_corpus(smoke)
    assert corpus.layout == "starter"
    assert corpus.rejects == ()
    assert len(corpus.recordings) == len(rows(smoke))
    splits = defaultdict(set)
    for one in corpus.recordings:
        splits[one.speaker or one.id].add(one.split)
        assert one.licence == "CC0-1.0"
        assert (one.speaker is None) == (one.kind != "speech") == (one.transcript is None)
    assert all(len(s) == 1 for s in splits.values())
    for split in ("train", "test"):
        sounds = [one.labels[0] for one in corpus.recordings if one.split == split and one.labels]
        assert set(sounds) >= set(starter.sound_models())
        assert min(sounds.count(label) for label in set(sounds)) >= 2


def test_clips_are_short_audible_and_not_clipped(smoke: Path) -> None:
    for row in rows(smoke)[::7]:
        clip = load(Clip(path=str(smoke / row["path"])))
        assert len(clip) / RATE_HZ == pytest.approx(row["duration_s"], abs=1e-3)
        assert 0.3 < row["duration_s"] < 5
        assert 0.15 < np.abs(clip).max() < 0.95
        assert row["plan"]["level_db"] <= -1


def test_a_clip_is_a_function_of_seed_class_and_index(smoke: Path) -> None:
    jobs = list(plan_jobs(SIZES["smoke"], speech=False))[::23]
    for job in reversed(jobs):  # in another order than they were written in
        same, plan, _ = make(job, 0)
        other, _, _ = make(job, 1)
        data = encode_wav(same.astype(np.float32), RATE_HZ)
        assert data == (smoke / job.path).read_bytes(), job.path
        assert not np.array_equal(same, other)
        json.dumps(plan)


@pytest.mark.usefixtures("tiny")
def test_an_interrupted_generation_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_starter(tmp_path / "whole", seed=3, size="tiny")
    whole = content(tmp_path / "whole")
    made = []
    write = starter._write

    def killed(folder: Path, job: Any, *rest: Any) -> dict[str, Any]:
        if len(made) == 50:
            raise KeyboardInterrupt
        made.append(job.path)
        return write(folder, job, *rest)

    folder = tmp_path / "broken"
    with monkeypatch.context() as patch:
        patch.setattr(starter, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            generate_starter(folder, seed=3, size="tiny")
    assert not (folder / "starter.json").exists()
    journal = folder / "starter.part.jsonl"
    journal.write_text(journal.read_text()[:-20])  # the last line is torn
    (folder / made[4]).write_bytes(b"RIFF, but no more")
    kept = {path: (folder / path).stat().st_mtime_ns for path in made}
    generate_starter(folder, seed=3, size="tiny")
    assert content(folder) == whole
    remade = {path for path, t in kept.items() if (folder / path).stat().st_mtime_ns != t}
    assert remade == {made[4], made[-1]}


@pytest.mark.usefixtures("tiny")
def test_a_finished_corpus_is_left_as_it_is_and_may_grow(tmp_path: Path) -> None:
    generate_starter(tmp_path / "a", size="tiny", speech=False)
    before = content(tmp_path / "a")
    generate_starter(tmp_path / "a", size="tiny", speech=False)
    assert content(tmp_path / "a") == before
    generate_starter(tmp_path / "a", size="tiny")
    generate_starter(tmp_path / "b", size="tiny")
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.usefixtures("tiny")
def test_another_seed_or_a_smaller_size_is_refused(smoke: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("starter.json", "manifest.jsonl"):
        shutil.copy(smoke / name, copy / name)
    with pytest.raises(DataError, match="seed 0"):
        generate_starter(copy, seed=1, size="smoke")
    with pytest.raises(DataError, match="larger"):
        generate_starter(copy, seed=0, size="tiny")
    with pytest.raises(ConfigError, match="smoke"):
        generate_starter(copy, size="huge")
    assert (copy / "starter.json").exists()


@pytest.mark.usefixtures("tiny")
def test_without_espeak_there_is_no_speech_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    told = generate_starter(tmp_path, size="tiny")
    assert set(told["kinds"]) == {"sound", "music"}
    assert "harken[starter]" in told["notes"][0]
    assert "3 spoken clips" in told["notes"][0]


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over time of 40 log-mel bands below the clip's loudest: (80,)."""
    freqs = np.fft.rfftfreq(512, 1 / RATE_HZ)
    top = 2595 * np.log10(1 + np.array([40.0, 8000.0]) / 700)
    edges = 700 * (10 ** (np.linspace(*top, 42) / 2595) - 1)
    rise = (freqs - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - freqs) / np.diff(edges)[1:, None]
    bank = np.maximum(0, np.minimum(rise, fall))
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * np.hanning(512)
    bands = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ bank.T + 1e-4)
    bands -= bands.max()
    return np.concatenate([bands.mean(0), bands.std(0)])


@pytest.mark.parametrize(("kind", "classes"), [("sound", 74), ("music", 15)])
def test_nearest_centroid_separates_the_classes(smoke: Path, kind: str, classes: int) -> None:
    """Four training clips a class and the plainest classifier: far above chance (1 / classes)."""
    lines = [row for row in rows(smoke) if row["kind"] == kind]
    x = np.array([log_mel(load(Clip(path=str(smoke / row["path"])))) for row in lines])
    y = np.array([row["labels"][0] for row in lines])
    train = np.array([row["split"] == "train" for row in lines])
    x = (x - x[train].mean(0)) / x[train].std(0)
    names = sorted(set(y))
    assert len(names) == classes
    centres = np.array([x[train & (y == name)].mean(0) for name in names])
    nearest = ((x[~train, None] - centres) ** 2).sum(-1).argmin(1)
    assert np.mean(np.array(names)[nearest] == y[~train]) > 0.6
