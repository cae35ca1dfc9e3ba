"""Scenes on disk: the same bytes however often it is stopped, and made again from their plans."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heard_world import pool

from harken.audio.clip import Clip
from harken.audio.load import load, render
from harken.errors import DataError
from harken.facts import ClipFacts
from harken.synth.pool import RecordingPool
from harken.synth.scenes import units, write
from harken.synth.scenes.kept import MARKER, PLANNED, cost_of
from harken.synth.scenes.spec import spec_from
from harken.synth.scenes.truth import truth_of
from harken.synth.scenes.write import (
    read_plans,
    read_truth,
    render_plans,
    write_plans,
    write_scenes,
)

DECLARED: dict[str, Any] = {
    "duration": 2,
    "background": {"labels": ["rain"]},
    "events": [{"labels": ["siren", "dog bark"], "snr": {"uniform": [0, 10]}}],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> RecordingPool:
    return pool(tmp_path_factory.mktemp("world"))


def made(own: RecordingPool, folder: Path, count: int = 6, **changed: Any) -> dict[str, Any]:
    declared = {**DECLARED, **changed}
    return write_scenes(spec_from(declared), own, folder, count=count, seed=3, declared=declared)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_clips_plans_and_truth_agree(own: RecordingPool, tmp_path: Path) -> None:
    done = made(own, tmp_path / "s")
    assert done["count"] == 6 and done["seconds"] == 12.0
    rows, scenes = read_truth(tmp_path / "s"), read_plans(tmp_path / "s")
    assert len(rows) == len(scenes) == 6
    for row, scene in zip(rows, scenes, strict=True):
        sound = load(Clip(path=str(tmp_path / "s" / row["file"])))
        assert np.abs(sound - render(scene.plan)).max() <= 1 / 32768
        assert truth_of(scene).to_dict() == {key: row[key] for key in truth_of(scene).to_dict()}
        facts = ClipFacts.from_dict(row["facts"])
        assert facts.names is not None and len(facts.names) == 1
        assert row["licence"] == "CC0" and row["split"] == "train" and len(row["recordings"]) == 2


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    own: RecordingPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(own, tmp_path / "calm")
    real, calls = units.make_scene, [0]

    def stops(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] in (3, 6):
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(units, "make_scene", stops)
    monkeypatch.setattr(write, "UNIT_SCENES", 2)
    for turn in range(2):
        with pytest.raises(KeyboardInterrupt):
            made(own, tmp_path / "stopped")
        assert not (tmp_path / "stopped" / MARKER).exists()
        found = sorted((tmp_path / "stopped" / "units").glob("*.json"))
        assert len(found) == turn + 1  # one unit more with each attempt
    found[0].write_bytes(found[0].read_bytes().replace(b"dog", b"cat"))  # damaged: made again
    with pytest.raises(DataError, match="other scenes"):
        made(own, tmp_path / "stopped", duration=3)
    made(own, tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "calm")
    before = os.stat(tmp_path / "calm" / MARKER).st_mtime_ns
    made(own, tmp_path / "calm")
    assert os.stat(tmp_path / "calm" / MARKER).st_mtime_ns == before
    with pytest.raises(DataError, match="other scenes"):
        made(own, tmp_path / "calm", count=7)


def test_scenes_of_kept_plans_are_the_same_bytes_here_and_elsewhere(
    own: RecordingPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "UNIT_SCENES", 2)
    declared = {**DECLARED, "events": [*DECLARED["events"], {"gain": -3, "pitch": 2, "tempo": 1.1}]}
    asked: dict[str, Any] = {"count": 5, "seed": 3, "declared": declared}
    spec = spec_from(declared)
    write_scenes(spec, own, tmp_path / "at-once", **asked)
    at_once = contents(tmp_path / "at-once")
    for name in ("plans", "here"):
        done = write_plans(spec, own, tmp_path / name, **asked)
        assert contents(tmp_path / name).keys() == {"plans.jsonl", PLANNED}
        assert done["seconds"] == 10.0
        assert write_plans(spec, own, tmp_path / name, **asked) == done
    monkeypatch.setattr(units, "make_scene", None)  # nothing is drawn again
    render_plans(tmp_path / "plans", tmp_path / "elsewhere")
    write_scenes(spec, own, tmp_path / "here", **asked)
    assert contents(tmp_path / "elsewhere") == contents(tmp_path / "here") == at_once
    render_plans(tmp_path / "here", tmp_path / "again")  # scenes have plans too
    assert contents(tmp_path / "again") == at_once
    cost = cost_of(tmp_path / "plans")
    clips = sum(len(data) for name, data in at_once.items() if name.startswith("clips/"))
    assert (cost.scenes, cost.seconds, cost.sample) == (5, 10.0, 5) and cost.bytes == clips
    with pytest.raises(DataError, match="other scenes"):
        write_scenes(spec, own, tmp_path / "plans", **{**asked, "seed": 4})
    kept = tmp_path / "plans" / "plans.jsonl"
    kept.write_text(kept.read_text().replace("dog", "cat", 1))
    with pytest.raises(DataError, match=r"plans\.jsonl"):
        render_plans(tmp_path / "plans", tmp_path / "other")
    with pytest.raises(DataError, match="neither planned"):
        render_plans(tmp_path / "nowhere", tmp_path / "other")


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("foa", 4), ("hoa2", 9)])
def test_channels_are_written(
    own: RecordingPool, tmp_path: Path, layout: str, channels: int
) -> None:
    events = [{"labels": ["siren"], "snr": 5, "place": {"azimuth": 90, "elevation": 10}}]
    made(own, tmp_path / "s", 1, layout=layout, events=events)
    (row,) = read_truth(tmp_path / "s")
    assert row["file"].endswith(".wav" if channels > 8 else ".flac")
    sound = load(Clip(path=str(tmp_path / "s" / row["file"])), mono=False)
    assert sound.shape == (channels, 32_000) and row["facts"]["layout"] == layout
    (source,) = [one for one in row["facts"]["sources"] if one["kind"] == "sound"]
    assert (source["azimuth_deg"], source["elevation_deg"]) == (90.0, 10.0)


def test_long_scenes_are_written_in_blocks(own: RecordingPool, tmp_path: Path) -> None:
    made(own, tmp_path / "s", 1, duration=65, events=[{"labels": ["siren"], "snr": 20}])
    (row,), (scene,) = read_truth(tmp_path / "s"), read_plans(tmp_path / "s")
    sound = load(Clip(path=str(tmp_path / "s" / row["file"])))
    assert len(sound) == 65 * 16_000 and row["facts"]["duration_s"] == 65
    assert np.abs(sound - render(scene.plan)).max() <= 1 / 32768


def test_a_folder_without_scenes_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no scenes\.json"):
        read_truth(tmp_path)


def test_labels_with_line_separators_stay_on_their_lines(
    own: RecordingPool, tmp_path: Path
) -> None:
    made(own, tmp_path / "s", 2)
    for name in ("truth.jsonl", "plans.jsonl"):
        path = tmp_path / "s" / name
        first = json.loads(path.read_text("utf-8").split("\n")[0])
        other = json.dumps({**first, "note": "a\u2028b\x85c"}, ensure_ascii=False)
        path.write_text(f"{other}\n" + path.read_text("utf-8"), "utf-8")
    assert len(read_truth(tmp_path / "s")) == 3
    assert read_truth(tmp_path / "s")[0]["note"] == "a\u2028b\x85c"
    assert len(read_plans(tmp_path / "s")) == 3
