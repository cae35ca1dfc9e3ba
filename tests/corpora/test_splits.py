"""Splits: no source, no bytes and no voice in two of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError


def made(
    id: str,
    sha: str = "",
    speaker: str | None = None,
    label: str = "",
    split: str = "",
    fold: int | None = None,
) -> Recording:
    return Recording(
        clip=Clip(path=f"{id}.wav", sha256=sha or f"sha-{id}"),
        id=id,
        kind="speech" if speaker else "sound",
        labels=(label,) if label else (),
        speaker=speaker,
        split=split,
        fold=fold,
    )


def any_recording(speakers: list[str | None]) -> st.SearchStrategy[Recording]:
    return st.builds(
        made,
        id=st.integers(0, 15).map(str),
        sha=st.integers(0, 25).map(str),
        speaker=st.sampled_from(speakers),
        label=st.sampled_from(["", "dog", "cat", "rain"]),
        split=st.sampled_from(["", "", "train", "dev", "test"]),
    )


@settings(max_examples=200, deadline=None)
@given(
    recordings=st.lists(any_recording([None, "ann", "bob", "cid", "dee"]), max_size=40),
    seed=st.integers(0, 99),
    dev=st.sampled_from([0.0, 0.1]),
)
def test_splits_never_share_a_recording_the_bytes_or_a_speaker(
    recordings: list[Recording], seed: int, dev: float
) -> None:
    out = assign_splits(recordings, seed, 0.25, dev)
    assert [r.id for r in out] == [r.id for r in recordings]
    assert {r.split for r in out} <= {"train", "dev", "test"}
    several = len({r.speaker for r in out} - {None}) > 1
    for kind in ("id", "sha256", "speaker"):
        seen: dict[str, str] = {}
        for r in out:
            value = r.clip.sha256 if kind == "sha256" else getattr(r, kind)
            if value and (kind != "speaker" or several):
                assert seen.setdefault(value, r.split) == r.split, kind


@settings(max_examples=50, deadline=None)
@given(
    recordings=st.lists(any_recording([None, "ann", "bob"]), max_size=20, unique_by=lambda r: r.id),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_the_recordings_does_not_matter(recordings: list[Recording], order) -> None:
    shuffled = list(recordings)
    order.shuffle(shuffled)
    one = {r.id: r.split for r in assign_splits(recordings, 3)}
    other = {r.id: r.split for r in assign_splits(shuffled, 3)}
    assert one == other


def test_official_folds_and_splits_are_kept() -> None:
    folds = [made(str(i), fold=1 + i % 5) for i in range(20)]
    assert {(r.fold, r.split) for r in assign_splits(folds, 0)} == {
        (1, "train"),
        (2, "train"),
        (3, "train"),
        (4, "train"),
        (5, "test"),
    }
    told = [made("a", split="dev"), made("b", split="train"), made("c", split="test")]
    assert [r.split for r in assign_splits(told, 0)] == ["dev", "train", "test"]


def test_a_given_split_that_divides_a_recording_is_drawn_again() -> None:
    told = [made("a", "1", split="train"), made("a", "2", split="test"), made("b", split="train")]
    out = assign_splits(told, 0)
    assert out[0].split == out[1].split
    assert out[2].split == "train"


def test_what_a_corpus_gives_to_two_splits_is_drawn_like_what_it_gives_to_none() -> None:
    """A recording in two given splits is in neither by right: all of it is drawn, by the shares."""
    torn = [
        made(f"{n}", f"{n} {part}", split=part) for n in range(50) for part in ("train", "test")
    ]
    free = [replace(recording, split="") for recording in torn]
    names = [r.split for r in assign_splits(torn, 2, test_share=0.2, dev_share=0.1)]
    assert names == [r.split for r in assign_splits(free, 2, test_share=0.2, dev_share=0.1)]
    assert Counter(names) == {"train": 70, "test": 20, "dev": 10}
    fold = [replace(r, split="", fold=1 + (r.split == "test")) for r in torn]
    assert [r.split for r in assign_splits(fold, 2, test_share=0.2, dev_share=0.1)] == names


def test_what_is_given_only_in_part_is_given_to_the_whole() -> None:
    """Of joined recordings one that has a split takes the others with it."""
    told = [made("a", "1"), made("a", "2", split="dev"), *(made(str(i)) for i in range(9))]
    assert [r.split for r in assign_splits(told, 0)[:2]] == ["dev", "dev"]


def test_classes_keep_their_shares() -> None:
    recordings = [made(f"{c}{i}", label=c) for c in ("dog", "cat", "rain") for i in range(50)]
    out = assign_splits(recordings, 5, test_share=0.2, dev_share=0.1)
    counted = Counter((r.labels[0], r.split) for r in out)
    for name in ("dog", "cat", "rain"):
        assert [counted[name, s] for s in ("train", "test", "dev")] == [35, 10, 5]


def test_shares_are_of_recordings_and_not_of_groups() -> None:
    """One source with 20 cuts and 20 with 4: a fifth of the recordings is asked for the test."""
    sizes = [20, *[4] * 20]
    recordings = [
        made(f"source {n}", f"{n} {cut}", label=f"class {n}")
        for n, size in enumerate(sizes)
        for cut in range(size)
    ]
    for seed in range(5):
        found = Counter(r.split for r in assign_splits(recordings, seed))
        assert found == {"train": 80, "test": 20}


def test_six_speakers_leave_one_for_test() -> None:
    recordings = [
        made(f"{s}-{d}-{i}", speaker=s, label=str(d))
        for s in ("ann", "bob", "cid", "dee", "eve", "fay")
        for d in range(10)
        for i in range(5)
    ]
    out = assign_splits(recordings, 1)
    assert len({r.speaker for r in out if r.split == "test"}) == 1
    assert len({r.speaker for r in out if r.split == "train"}) == 5
    heard = {
        tuple(
            sorted({r.speaker or "" for r in assign_splits(recordings, seed) if r.split == "test"})
        )
        for seed in range(12)
    }
    assert len(heard) > 1  # the seed decides who


def test_one_speaker_is_split_by_recording() -> None:
    out = assign_splits([made(str(i), speaker="linda") for i in range(30)], 0)
    assert Counter(r.split for r in out) == {"train": 24, "test": 6}


def test_labels_that_occur_once_still_leave_a_test_split() -> None:
    out = assign_splits([made(str(i), label=f"class {i}") for i in range(30)], 0)
    assert Counter(r.split for r in out) == {"train": 24, "test": 6}


def test_shares_that_leave_nothing_are_refused() -> None:
    for test, dev in ((1.0, 0.0), (0.6, 0.4), (-0.1, 0.0)):
        with pytest.raises(ConfigError):
            assign_splits([made("a")], 0, test, dev)


def test_real_speakers_are_kept_apart(corpora_root: Path) -> None:
    for name in ("fsdd", "librispeech"):
        if (corpora_root / name).is_dir():
            out = assign_splits(read_corpus(corpora_root / name, limit=600).recordings, 0)
            train, test = ({r.speaker for r in out if r.split == s} for s in ("train", "test"))
            assert train and test and not train & test
