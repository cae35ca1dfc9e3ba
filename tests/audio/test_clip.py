"""Names of clips for people."""

from __future__ import annotations

import math

import pytest

from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import AudioError


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


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"rate_hz": 0}, "a scene of 2.0 s at 0 Hz"),
        ({"rate_hz": -16000}, "a scene of 2.0 s at -16000 Hz"),
        ({"duration_s": math.inf}, "a scene of inf s"),
        ({"duration_s": -1.0}, "a scene of -1.0 s"),
        ({"tempo": 0.0}, "tempo 0.0"),
        ({"tempo": -1.0}, "tempo -1.0"),
        ({"gain_db": math.nan}, "nan dB"),
        ({"fade_s": -0.1}, "fades -0.1 s"),
        ({"pitch": math.inf}, "pitch inf"),
    ],
)
def test_a_scene_that_cannot_be_rendered_is_refused(change: dict[str, float], found: str) -> None:
    """Read from a file, too: it would have been silent, or endless."""
    part = Part(Clip("silence", duration_s=1.0), 0.5)
    raw = ScenePlan((part,), 2.0, gain_db=0.0).to_dict()
    (own,) = raw["parts"]
    (raw if {*change} & {"rate_hz", "duration_s"} else own).update(change)
    with pytest.raises(AudioError, match=found) as caught:
        ScenePlan.from_dict(raw)
    assert caught.value.reason == "bad-plan"
