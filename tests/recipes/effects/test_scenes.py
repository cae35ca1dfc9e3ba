"""Scenes: their times are what their answer says, on the grid, and drawn by their place alone."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch")

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.recipes.effects.measures import events_in
from harken.recipes.effects.scenes import LONGEST_S, MAX_S, STEP_S, scenes


def recordings() -> list[Recording]:
    found = []
    for at in range(24):
        split = "test" if at % 3 == 2 else "train"
        clip = Clip(path=f"{at}.wav", duration_s=0.4 + 0.13 * at, sha256=f"{at:064d}")
        label = ("dog bark", "rain", "siren", "door knock")[at % 4]
        found.append(Recording(clip, f"r{at}", "sound", (label,), split=split))
    speech = Clip(path="said.wav", duration_s=1.0, sha256="f" * 64)
    return [*found, Recording(speech, "said", "speech", ("yes",), "yes", split="train")]


def test_the_answer_says_when_the_parts_are_heard() -> None:
    for item in scenes(recordings(), "train", 60):
        (clip,) = item.clips
        assert clip.plan is not None
        events = events_in(item.answer)
        assert len(events) == len(clip.plan.parts) in (1, 2)
        for (_, start, end), part in zip(events, clip.plan.parts, strict=True):
            assert part.at_s == start
            assert part.clip.duration_s == pytest.approx(end - start, abs=STEP_S / 2 + 1e-9)
            assert part.clip.duration_s <= LONGEST_S
            for time in (start, end):
                assert round(time / STEP_S) * STEP_S == pytest.approx(time)
        assert events[-1][2] <= clip.plan.duration_s <= MAX_S
        assert len({name for name, _, _ in events}) == len(events)


def test_a_scene_depends_on_its_place_and_split_alone() -> None:
    own = recordings()
    assert scenes(own, "train", 5) == scenes(list(reversed(own)), "train", 9)[:5]
    assert scenes(own, "train", 5) != scenes(own, "train", 5, seed=1)
    used = {name for item in scenes(own, "test", 40) for name in item.recordings}
    assert used <= {r.id for r in own if r.split == "test"}


def test_onsets_of_first_sounds_are_spread() -> None:
    first = Counter(events_in(item.answer)[0][1] for item in scenes(recordings(), "train", 300))
    assert len(first) >= 25
    assert max(first.values()) < 30


def test_no_sounds_make_no_scenes() -> None:
    assert scenes([r for r in recordings() if r.kind == "speech"], "train", 5) == []
