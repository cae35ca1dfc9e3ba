"""Names of clips for people."""

from __future__ import annotations

import pytest

from harken.audio.clip import Clip, Part, ScenePlan


@pytest.mark.parametrize(
    ("clip", "name"),
    [
        (Clip(path="x/a.wav"), "a.wav 0.0–end"),
        (Clip("shard", "x/d.parquet", 3, 0), "d.parquet row 3 0.0–end"),
        (Clip("shard", "x/d.parquet", 3, 1), "d.parquet row 3 slot 1 0.0–end"),
        (Clip("shard", "x/d.tar", 0, 0, 0.5, 1.0), "d.tar row 0 0.5–1.5 s"),
        (Clip("noise", row=7, duration_s=1.0), "noise 0.0–1.0 s"),
    ],
)
def test_a_name_is_file_place_and_span(clip: Clip, name: str) -> None:
    assert clip.name == name


def test_clips_of_one_row_have_names_of_their_own_in_scenes_too() -> None:
    clips = [Clip("shard", "d.parquet", 0, slot) for slot in range(3)]
    assert len({clip.name for clip in clips}) == 3
    parts = (*map(Part, clips[:2]), Part(Clip("silence", duration_s=1.0)))
    scene = Clip("plan", plan=ScenePlan(parts, 2.0), duration_s=2.0)
    assert scene.name == "scene of d.parquet row 0 + d.parquet row 0 slot 1 + silence 0.0–2.0 s"
