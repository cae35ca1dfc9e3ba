"""Scenes by window and by channel: the samples are those of the whole, and no more is decoded."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harken.audio import load as loading
from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan, noise
from harken.audio.content import content_key
from harken.audio.load import blocks, clear_cache, load, render, write_wav
from harken.audio.probe import file_sha256
from harken.audio.single import span
from harken.audio.space.place import Place
from harken.errors import AudioError

HOUR_S = 3600.0
KEY = "e2f228c6efc543a26f623cab0bebf361"


def noisy(folder: Path, name: str, seconds: float, rate: int = RATE_HZ, channels: int = 1) -> Clip:
    """A file of white noise."""
    rng = np.random.default_rng([len(name), channels])
    samples = 0.1 * rng.standard_normal((channels, round(seconds * rate))).astype(np.float32)
    path = folder / f"{name}.wav"
    write_wav(path, samples, rate)
    return Clip(path=str(path), duration_s=seconds, sha256=file_sha256(str(path)))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "a": noisy(folder, "a", 1.0),
        "stereo": noisy(folder, "stereo", 2.0, 44_100, 2),
        "long": noisy(folder, "long", 70.3, 22_050),
    }


@pytest.fixture(scope="module")
def plan(clips: dict[str, Clip]) -> ScenePlan:
    parts = (
        Part(clips["a"], 0.5, -3.0),
        Part(clips["stereo"], 1.2, -6.0, 0.05),
        Part(clips["long"], 3.25, -3.0),
        Part(clips["a"], 50.0, 2.0, pitch=3.0),
        Part(clips["a"], 51.0, 2.0, tempo=1.3, path=(Place(90),)),
    )
    return ScenePlan(parts, 80.0, gain_db=-2.0)


def test_a_window_is_that_of_the_whole(plan: ScenePlan) -> None:
    whole = render(plan)
    for start, length in (
        (0.0, 80.0),
        (0.4, 2.0),
        (3.0, 2.0),
        (10.0, 5.0),
        (49.9, 3.0),
        (72.9, 2.0),
    ):
        first = round(start * RATE_HZ)
        own = render(plan, start, length)
        assert np.abs(own - whole[first : first + len(own)]).max() < 1e-6
    # A window of a clip that is a scene, and at another rate.
    clip = Clip("plan", plan=plan, start_s=10.0, duration_s=1.0)
    assert np.array_equal(load(clip), render(plan, 10.0, 1.0))
    assert len(load(clip, 8000)) == 8000
    joined = np.concatenate(list(blocks(plan)), axis=1).mean(axis=0)
    assert np.abs(joined - whole).max() < 1e-6
    with pytest.raises(AudioError, match="outside the scene"):
        render(plan, 79.0, 2.0)


def test_a_window_is_all_silence_where_no_part_is(plan: ScenePlan) -> None:
    assert not render(plan, 75.0, 4.0).any()


def test_only_parts_in_the_window_are_decoded(
    plan: ScenePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, float, float | None]] = []

    def watched(clip: Clip, rate_hz: int = RATE_HZ, mono: bool = True) -> object:
        seen.append((Path(clip.path).stem, clip.start_s, clip.duration_s))
        return load(clip, rate_hz, mono)

    monkeypatch.setattr(loading, "load", watched)
    render(plan, 20.0, 2.0)
    assert seen == [("long", 16.0, 3.0)]


def test_levels_do_not_depend_on_the_window_and_old_plans_on_all(clips: dict[str, Clip]) -> None:
    loud = ScenePlan((Part(clips["a"], 0.0, 20.0), Part(clips["a"], 2.0, 26.0)), 3.0)
    whole = render(loud)
    assert np.abs(whole).max() == pytest.approx(1.0)  # scaled by the peak of the whole
    assert np.array_equal(render(loud, 0.0, 1.0), whole[:RATE_HZ])
    fixed = replace(loud, gain_db=-6.0)
    ratio = render(fixed, 0.2, 0.1) / render(replace(fixed, gain_db=0.0), 0.2, 0.1)
    assert ratio == pytest.approx(10 ** (-6 / 20), rel=1e-5)


def test_plans_without_a_gain_render_as_they_did(tmp_path: Path) -> None:
    """By hand: loaded, cut, scaled, faded, added; the length of a part is that of its samples."""
    odd = noisy(tmp_path, "odd", 0.5003, 8000)  # 4002 samples, of which 8004 are made
    parts = (Part(odd, 0.2, -3.3), Part(odd, 0.4, -1.2, 0.05), Part(odd, 0.9, 1.0))
    expected = np.zeros(RATE_HZ)
    for part in parts:
        first = round(part.at_s * RATE_HZ)
        sound = load(part.clip).astype(np.float64)[: RATE_HZ - first] * 10 ** (part.gain_db / 20)
        fade = round(part.fade_s * RATE_HZ)
        ramp = (np.arange(fade) + 0.5) / fade
        sound[:fade] *= ramp
        sound[-fade:] *= ramp[::-1]
        expected[first : first + len(sound)] += sound
    assert np.abs(expected).max() < 1
    assert render(ScenePlan(parts, 1.0)).tobytes() == expected.astype(np.float32).tobytes()


def test_an_old_plan_has_the_key_it_had(clips: dict[str, Clip]) -> None:
    """Keys are in ids of items: what scenes of earlier versions had not is not in their keys."""
    part = Part(Clip(path="a.wav", sha256="ab" * 32, duration_s=1.0), 0.5, -3.0)
    clip = Clip("plan", duration_s=2.0, plan=ScenePlan((part,), 2.0))
    assert clip.key == "0e5b53945193cd62" and content_key(clip) == KEY
    own = Clip("plan", duration_s=2.0, plan=ScenePlan((part,), 2.0, gain_db=0.0))
    assert len({clip.key, own.key, content_key(clip), content_key(own)}) == 4
    moved = replace(part, path=(Place(10.0, 0.0, 2.0), Place(20.0)), pitch=1.0, tempo=2.0)
    plan = ScenePlan((moved,), 2.0, gain_db=1.0, layout="array", mics=((0.1, 0.0, 0.0),))
    assert ScenePlan.from_dict(plan.to_dict()) == plan


def test_stereo_stays_stereo_where_channels_are_asked_for(clips: dict[str, Clip]) -> None:
    plan = ScenePlan((Part(clips["a"], 0.0), Part(clips["stereo"], 1.0, -3.0)), 3.0, gain_db=0.0)
    both = render(plan, mono=False)
    assert both.shape == (2, 3 * RATE_HZ)
    assert np.array_equal(both[0, : RATE_HZ - 200], both[1, : RATE_HZ - 200])  # the mono part
    own = load(clips["stereo"], RATE_HZ, mono=False)
    inside = slice(200, 2 * RATE_HZ - 200)
    assert both[:, RATE_HZ:][:, inside] == pytest.approx(own[:, inside] * 10 ** (-3 / 20), abs=1e-6)
    assert render(plan) == pytest.approx(both.mean(axis=0), abs=1e-6)
    single = ScenePlan(plan.parts[:1], 3.0, gain_db=0.0)
    assert render(single, mono=False).shape == (1, 3 * RATE_HZ)


def test_a_window_of_hours_needs_no_more_memory_than_its_audio(clips: dict[str, Clip]) -> None:
    events = [Part(clips["a"], 7.0 * i, -3.0) for i in range(1000)]
    under = [Part(clips["long"], 70.0 * i, -9.0) for i in range(102)]
    plan = ScenePlan((*under, *events), 2 * HOUR_S, gain_db=-1.0)
    clear_cache()
    tracemalloc.start()
    found = render(plan, HOUR_S, 30.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.any() and len(found) == 30 * RATE_HZ
    assert peak < 40e6  # the whole scene has 460 MB as float32


def test_a_window_of_a_long_source_that_moves(clips: dict[str, Clip]) -> None:
    for layout in ("foa", "binaural"):
        path = (Place(80, 0, 2.0), Place(-80, 10, 1.0))
        plan = ScenePlan((Part(clips["long"], 1.0, path=path),), 75.0, gain_db=0.0, layout=layout)
        whole = render(plan, mono=False)
        for start in (0.9, 33.2, 70.8):
            part = render(plan, start, 1.0, mono=False)
            first = round(start * RATE_HZ)
            assert np.abs(part - whole[:, first : first + RATE_HZ]).max() < 1e-6


def test_a_scene_in_a_scene_and_long_noise(clips: dict[str, Clip]) -> None:
    inner = Clip("plan", duration_s=2.0, plan=ScenePlan((Part(clips["a"], 0.5),), 2.0))
    outer = ScenePlan((Part(inner, 1.0, fade_s=0.0), Part(noise(40.0, 3), 0.0, -6.0)), 40.0,
                      gain_db=0.0)  # fmt: skip
    whole = render(outer)
    assert np.abs(render(outer, 35.0, 1.0) - whole[35 * RATE_HZ : 36 * RATE_HZ]).max() < 1e-6
    alone = render(ScenePlan(outer.parts[:1], 40.0, gain_db=0.0), 1.0, 2.0)
    assert alone == pytest.approx(load(span(inner, 0.0, 2.0)), abs=1e-6)
