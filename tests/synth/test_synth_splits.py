"""Nothing is in two splits of a dataset, whoever gave the splits; numbers that make no sense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from labelled_sounds import LABELS, sound, voice, write_world

from harken.corpora.base import Corpus, Recording, Reject
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.shards.read import read_items
from harken.synth.make import make_dataset
from harken.synth.pool import RecordingPool


def in_two_splits(items: list[Item], what: Callable[[Item], list[str]]) -> list[str]:
    seen: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for name in what(item):
            seen[name].add(item.split)
    return [name for name, splits in seen.items() if len(splits) > 1]


def hashes(item: Item) -> list[str]:
    clips = [c for clip in item.clips for c in ([clip] if clip.plan is None else
             [part.clip for part in clip.plan.parts])]  # fmt: skip
    return [clip.sha256 or "" for clip in clips]


def one_source(r: Recording) -> Recording:
    """The number alone names the source: the same in both splits."""
    return replace(r, id="-".join(r.id.split("-")[1:]))


def one_file(r: Recording) -> Recording:
    return replace(r, clip=replace(r.clip, sha256=f"{r.id.split('-')[-1]}{r.labels}"))


def one_sound(r: Recording) -> Recording:
    return replace(r, sound="-".join(r.id.split("-")[1:]))


def one_voice(r: Recording) -> Recording:
    return replace(r, speaker=None if r.speaker is None else r.speaker.split(":")[1])


GIVEN = [one_source, one_file, one_sound, one_voice]


@pytest.fixture(scope="module")
def given() -> list[Recording]:
    """Recordings in two given splits that share nothing."""
    found = [
        sound(label, no, split)
        for split in ("train", "test")
        for label in LABELS[:6]
        for no in range(12)
    ]
    found += [
        voice(word, who, no, split)
        for split in ("train", "test")
        for word in ("one", "two", "six", "nine")
        for who in ("ann", "bob", "cid", "dee", "eve")
        for no in range(2)
    ]
    return found


@pytest.mark.parametrize("spoil", GIVEN, ids=lambda f: f.__name__)
@pytest.mark.parametrize("as_corpus", [True, False])
def test_what_is_given_to_two_splits_is_made_into_one(
    given: list[Recording], spoil: Callable[[Recording], Recording], as_corpus: bool, tmp_path: Path
) -> None:
    spoiled = tuple(map(spoil, given))
    source = Corpus("c", "folder", Path("/a"), spoiled) if as_corpus else list(spoiled)
    made = make_dataset(source, tmp_path / "d", per_family=30)
    items = list(read_items(tmp_path / "d"))
    assert {item.split for item in items} == {"train", "test"}
    assert in_two_splits(items, lambda item: list(item.recordings)) == []
    assert in_two_splits(items, hashes) == []
    assert in_two_splits(items, lambda item: list(item.speakers)) == []
    assert any("in another split than the given one" in note for note in made["notes"])


def test_splits_that_share_nothing_are_kept(given: list[Recording], tmp_path: Path) -> None:
    assert [r.split for r in assign_splits(given, 5)] == [r.split for r in given]
    made = make_dataset(given, tmp_path / "d", per_family=5)
    assert made["notes"] == []


def test_copies_in_other_bytes_are_one_recording_with_all_labels() -> None:
    one = replace(sound("rain", 1), sound="s")
    other = replace(sound("thunder", 2), sound="s", clip=replace(one.clip, sha256="other"))
    pool = RecordingPool([one, other, sound("rain", 3)], "train")
    assert len(pool.recordings) == 2
    assert {r.labels for r in pool.recordings} == {("rain", "thunder"), ("rain",)}
    later = replace(other, clip=replace(other.clip, start_s=1.0, duration_s=1.0))
    assert (
        len(RecordingPool([one, later], "train").recordings) == 2
    )  # another span is another sound


@pytest.mark.parametrize("number", [0, -1, {"train": 0, "test": 0}, {"train": 5, "test": -1}, {}])
def test_numbers_of_items_that_make_no_sense_are_refused(
    given: list[Recording], number: object, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="per_family"):
        make_dataset(given, tmp_path / "d", per_family=number)  # type: ignore[arg-type]


def test_a_corpus_of_rejects_says_why(tmp_path: Path) -> None:
    rejects = (Reject("a.wav", "silent", "zeros"), Reject("b.wav", "silent", "zeros"))
    with pytest.raises(DataError, match="none of the 2 files can be used: silent 2"):
        make_dataset(Corpus("c", "folder", tmp_path, (), rejects), tmp_path / "d")


def test_real_files_are_made_into_items_as_before(tmp_path: Path) -> None:
    world = write_world(tmp_path / "world")
    made = make_dataset(world, tmp_path / "d", per_family=4, seed=1)
    assert made["items"] > 40
