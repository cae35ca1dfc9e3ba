"""Keys by content: equal where the sound is made of the same bytes, else not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harken.audio.clip import Clip, Part, ScenePlan, noise, silence
from harken.audio.content import content_key
from harken.audio.probe import file_sha256
from harken.audio.single import span
from harken.errors import AudioError
from tiny_audio import NAMES, sound


def bare(clip: Clip) -> Clip:
    """The clip without the hash of its file."""
    return replace(clip, sha256=None)


def test_a_file_has_one_key_wherever_it_is_and_whether_its_hash_is_stated(tmp_path: Path) -> None:
    first = sound(tmp_path / "a", "noise")
    other = tmp_path / "b" / "another name.wav"
    other.parent.mkdir()
    other.write_bytes(Path(first.path).read_bytes())
    assert content_key(first) == content_key(bare(first)) == content_key(Clip(path=str(other),
        duration_s=first.duration_s))  # fmt: skip
    # `Clip.key` tells them apart, and takes another file of the same name for the same sound.
    assert bare(first).key != first.key


def test_a_file_that_changes_gets_another_key(tmp_path: Path) -> None:
    clip = bare(sound(tmp_path, "noise"))
    before = content_key(clip)
    Path(clip.path).write_bytes(Path(sound(tmp_path, "clicks").path).read_bytes())
    assert content_key(clip) != before
    assert content_key(clip) == content_key(replace(clip, sha256=file_sha256(clip.path)))


def test_spans_silences_and_scenes_have_keys_of_their_own(tmp_path: Path) -> None:
    one, two = sound(tmp_path, "noise"), sound(tmp_path, "clicks")
    scene = ScenePlan((Part(one), Part(two, at_s=0.1)), 0.7)
    clips = [
        one,
        two,
        span(one, 0.1, 0.2),
        span(one, 0.2, 0.2),
        span(one, 0.1, 0.3),
        silence(0.5),
        silence(0.7),
        Clip(kind="plan", plan=scene),
        Clip(kind="plan", plan=replace(scene, parts=scene.parts[::-1])),
        Clip(kind="plan", plan=replace(scene, duration_s=0.8)),
        Clip(kind="plan", plan=scene, start_s=0.1),
        Clip(kind="plan", plan=ScenePlan((Part(one),), 0.7)),
        Clip(kind="plan", plan=ScenePlan((Part(one, gain_db=-3.0),), 0.7)),
        Clip(kind="plan", plan=ScenePlan((Part(one, fade_s=0.1),), 0.7)),
    ]
    assert len({content_key(clip) for clip in clips}) == len(clips)


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_a_scene_count_by_content(tmp_path: Path, name: str) -> None:
    clip = sound(tmp_path, name)
    scenes = [Clip(kind="plan", plan=ScenePlan((Part(c),), 0.5)) for c in (clip, bare(clip))]
    assert content_key(scenes[0]) == content_key(scenes[1])
    Path(clip.path).write_bytes(b"other bytes")
    assert content_key(scenes[0]) != content_key(scenes[1])


def test_the_origin_of_embedded_bytes_is_no_content(tmp_path: Path) -> None:
    """Two files of one path, embedded at different times, have one origin and other bytes."""
    row = Clip(kind="shard", path="x.parquet", row=0, slot=0, sha256="aa", origin="path")
    assert content_key(row) != content_key(replace(row, sha256="bb"))
    assert content_key(row) == content_key(replace(row, path="y.parquet", row=3, origin="else"))


def test_a_row_without_a_hash_counts_by_its_bytes(tmp_path: Path) -> None:
    import tarfile

    one, two = sound(tmp_path / "in", "noise"), sound(tmp_path / "in", "clicks")
    for name in ("a.tar", "b.tar"):
        with tarfile.open(tmp_path / name, "w") as archive:
            for clip in (one, two) if name == "a.tar" else (two, one):
                archive.add(clip.path, Path(clip.path).name)
    rows = [
        Clip(kind="shard", path=str(tmp_path / name), row=row, slot=0, duration_s=0.5)
        for name in ("a.tar", "b.tar")
        for row in range(2)
    ]
    keys = [content_key(row) for row in rows]
    assert keys == [content_key(one), content_key(two), content_key(two), content_key(one)]


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(AudioError, match="no such file"):
        content_key(Clip(path="nowhere.wav"))


def test_clips_without_a_file_have_keys_of_their_own() -> None:
    made = [silence(0.5), silence(1.0), noise(0.5, 1), noise(1.0, 1), noise(0.5, 2)]
    assert len({content_key(clip) for clip in made}) == len(made)
    assert content_key(noise(0.5, 1)) == content_key(noise(0.5, 1))
