"""One sound in several files: found whatever its bytes, kept in one split, labels compared."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from harken.corpora.base import Corpus
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits

RATE = 16_000


def tone(hz: float) -> np.ndarray:
    return np.round(0.3 * 32767 * np.sin(2 * np.pi * hz * np.arange(RATE // 4) / RATE)).astype("i2")


def put(path: Path, hz: float, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, tone(hz), RATE, **how)
    return path


def byte_copy(one: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(one, other)


def as_flac(one: Path, other: Path) -> None:
    x, rate = sf.read(one, dtype="int16")
    other.parent.mkdir(parents=True, exist_ok=True)
    sf.write(other.with_suffix(".flac"), x, rate)


def as_float(one: Path, other: Path) -> None:
    x, rate = sf.read(one, dtype="float32")
    other.parent.mkdir(parents=True, exist_ok=True)
    sf.write(other, x, rate, subtype="FLOAT")


def in_stereo(one: Path, other: Path) -> None:
    x, rate = sf.read(one, dtype="int16")
    other.parent.mkdir(parents=True, exist_ok=True)
    sf.write(other, np.stack([x, x], 1), rate)


COPIES = {"bytes": byte_copy, "flac": as_flac, "float": as_float, "stereo": in_stereo}


def both_splits(corpus: Corpus, seed: int = 0) -> list[str]:
    """Sounds in two splits of those that are assigned."""
    seen: dict[str, set[str]] = {}
    for r in assign_splits(corpus.recordings, seed):
        seen.setdefault(r.sound, set()).add(r.split)
    return [sound for sound, splits in seen.items() if len(splits) > 1]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("given", ["folders", "folds", "none"])
def test_a_copy_is_in_the_split_of_its_original(name: str, given: str, tmp_path: Path) -> None:
    rows = []
    for i in range(20):
        label = ("dog", "cat")[i % 2]
        one = put(tmp_path / "train" / label / f"{i}.wav", 300 + 20 * i)
        rows.append({"path": str(one.relative_to(tmp_path)), "fold": 1})
        if i < 6:
            other = tmp_path / "test" / label / f"other{i}.wav"
            COPIES[name](one, other)
            other = other if other.exists() else other.with_suffix(".flac")
            rows.append({"path": str(other.relative_to(tmp_path)), "fold": 2})
    for row in rows:
        row["label"] = Path(str(row["path"])).parent.name
        if given == "folders":
            row["split"] = str(row["path"]).split("/")[0]
        if given != "folds":
            del row["fold"]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = read_corpus(tmp_path)
    assert len(corpus.recordings) == 26
    assert corpus.rejects == ()
    assert both_splits(corpus) == []
    assert Counter(r.split for r in assign_splits(corpus.recordings, 0))["train"] >= 10
    what = "byte-identical" if name == "bytes" else "the same samples"
    assert any(note.startswith("6 files") and what in note for note in corpus.notes)
    told = [note for note in corpus.notes if "given to two splits" in note]
    assert bool(told) == (given != "none")
    if told:
        assert told[0].startswith("12 recordings in 6 groups")


def manifest(root: Path, *rows: dict[str, object]) -> Corpus:
    (root / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read_corpus(root)


@pytest.mark.parametrize("name", COPIES)
def test_labels_that_contradict_each_other_are_told_with_both_files(
    name: str, tmp_path: Path
) -> None:
    COPIES[name](put(tmp_path / "dog" / "a.wav", 400), tmp_path / "cat" / "b.wav")
    put(tmp_path / "cat" / "c.wav", 500)
    corpus = read_corpus(tmp_path)
    (note,) = [note for note in corpus.notes if "other labels" in note]
    assert "dog/a.wav (dog)" in note and "cat/b." in note and "(cat)" in note
    assert len(corpus.recordings) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"transcript": "hello there"}, {"transcript": "good bye"}),
        ({"speaker": "ann"}, {"speaker": "bob"}),
        ({"transcript": "yes", "speaker": "ann"}, {"transcript": "yes", "speaker": "bob"}),
        ({"transcript": "one", "label": "one"}, {"transcript": "two", "label": "two"}),
    ],
)
def test_words_and_speakers_that_contradict_each_other_are_rejects(
    one: dict[str, object], other: dict[str, object], tmp_path: Path
) -> None:
    as_flac(put(tmp_path / "a.wav", 400), tmp_path / "b.wav")
    put(tmp_path / "c.wav", 500)
    rows = [{"path": "a.wav", **one}, {"path": "b.flac", **other}, {"path": "c.wav", **one}]
    corpus = manifest(tmp_path, *rows)
    assert [Path(r.clip.path).name for r in corpus.recordings] == ["c.wav"]
    assert [(r.path, r.reason) for r in corpus.rejects] == [
        ("a.wav", "contradiction"),
        ("b.flac", "contradiction"),
    ]
    assert "b.flac" in corpus.rejects[0].found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"transcript": "Hello, there!"}, {"transcript": "hello there"}),
        ({"transcript": "hello"}, {}),
        ({"speaker": "ann", "transcript": "a"}, {"transcript": "a"}),
    ],
)
def test_what_is_only_written_otherwise_or_missing_is_no_contradiction(
    one: dict[str, object], other: dict[str, object], tmp_path: Path
) -> None:
    byte_copy(put(tmp_path / "a.wav", 400), tmp_path / "b.wav")
    corpus = manifest(tmp_path, {"path": "a.wav", **one}, {"path": "b.wav", **other})
    assert len(corpus.recordings) == 2
    assert corpus.rejects == ()


def test_one_source_or_speaker_in_two_given_splits_is_told(tmp_path: Path) -> None:
    rows = []
    for i in range(8):
        put(tmp_path / f"{i}.wav", 300 + 40 * i)
        split = "train" if i < 4 else "test"
        rows.append({"path": f"{i}.wav", "split": split, "id": f"source {i % 4}"})
    corpus = manifest(tmp_path, *rows)
    (note,) = corpus.notes[:1]
    assert note.startswith("8 recordings in 4 groups")
    assert "source 0 (train)" in note and "source 0 (test)" in note
    voices = [{**row, "id": row["path"], "speaker": f"voice {i % 3}"} for i, row in enumerate(rows)]
    assert "8 recordings in 3 groups" in manifest(tmp_path, *voices).notes[0]
    one = [{**row, "id": "all of it"} for row in rows]
    assert any("nothing to test on" in note for note in manifest(tmp_path, *one).notes)


def test_a_corpus_is_one_line_to_python(tmp_path: Path) -> None:
    for i in range(30):
        put(tmp_path / "dog" / f"{i}.wav", 300 + 40 * i)
    corpus = read_corpus(tmp_path)
    assert repr(corpus).count("\n") == 0
    assert len(repr(corpus)) < 200
    assert "recordings=30" in repr(corpus)


def test_copies_of_bytes_and_of_samples_are_counted_apart(tmp_path: Path) -> None:
    """Of one sound: two files more with its bytes, and two in other bytes."""
    one = put(tmp_path / "dog" / "a.wav", 300)
    for name in ("b.wav", "c.wav"):
        byte_copy(one, tmp_path / "dog" / name)
    as_flac(one, tmp_path / "dog" / "d.wav")
    as_float(one, tmp_path / "dog" / "e.wav")
    put(tmp_path / "cat" / "f.wav", 500)
    notes = " ".join(read_corpus(tmp_path).notes)
    assert "2 files are byte-identical copies of others" in notes
    assert "2 files have the same samples as others, in other bytes" in notes
