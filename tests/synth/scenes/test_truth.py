"""Truth against the rendered sound: times, levels, directions, words, each measured anew."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from heard_world import LABELS, SPEAKERS, WORDS, pool

from harken.audio.clip import RATE_HZ
from harken.audio.load import render
from harken.audio.space.decay import rt60_of
from harken.audio.space.responses import response, response_size
from harken.errors import DataError
from harken.synth.pool import RecordingPool
from harken.synth.scenes.compose import SceneKey, compose
from harken.synth.scenes.levels import peaked
from harken.synth.scenes.planned import PlannedScene
from harken.synth.scenes.spec import spec_from
from harken.synth.scenes.truth import SceneTruth, truth_of
from harken.synth.scenes.units import make_scene

PLACE = {"azimuth": {"uniform": [-180, 180]}, "elevation": {"uniform": [-40, 40]},
         "distance": {"uniform": [0.8, 3]}}  # fmt: skip
APART = {"count": {"choice": [2, 3]}, "overlap": False, "labels": list(LABELS[:3])}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> RecordingPool:
    return pool(tmp_path_factory.mktemp("world"))


def made(
    own: RecordingPool, count: int = 6, seed: int = 0, **declared: Any
) -> list[tuple[PlannedScene, np.ndarray, SceneTruth]]:
    spec = spec_from({"duration": 6, **declared})
    found = []
    for index in range(count):
        scene, samples = make_scene(spec, own, SceneKey(seed, index))
        assert samples is not None
        found.append((scene, samples, truth_of(scene)))
    return found


def alone(scene: PlannedScene, numbers: list[int]) -> np.ndarray:
    """Some parts of a scene, rendered by themselves."""
    plan = replace(scene.plan, parts=tuple(scene.plan.parts[n] for n in numbers))
    return np.atleast_2d(render(plan, mono=plan.layout == "mono"))


def power(sound: np.ndarray, segments: Any = None) -> float:
    if segments is None:
        return float(np.mean(sound**2))
    pieces = [sound[round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in segments]
    return float(np.mean(np.concatenate(pieces) ** 2))


def test_onsets_are_those_of_the_rendered_energy(own: RecordingPool) -> None:
    checked = 0
    for scene, samples, truth in made(own, 12, events=[APART]):
        loud = np.abs(samples[0]) > 1e-4
        for source, segments in zip(truth.facts.sources, truth.segments, strict=True):
            assert source.onset_s is not None and source.offset_s is not None
            first, last = round(source.onset_s * RATE_HZ), round(source.offset_s * RATE_HZ)
            near = slice(max(0, first - 1600), first + 1600)
            begins = near.start + int(np.argmax(loud[near]))
            assert abs(begins - first) < 0.01 * RATE_HZ
            ends = last + 800 - int(np.argmax(loud[last - 800 : last + 800][::-1]))
            assert abs(ends - last) < 0.01 * RATE_HZ
            assert segments[0][0] == source.onset_s and segments[-1][1] == source.offset_s
            checked += 1
        assert not truth.overlaps and scene.of("background") == ()
    assert checked > 24


@pytest.mark.parametrize("layout", ["mono", "foa", "binaural"])
def test_levels_over_the_background_are_those_that_were_asked_for(
    own: RecordingPool, layout: str
) -> None:
    place = {} if layout == "mono" else {"place": PLACE}
    events = [{**APART, "snr": 7.5, "repeats": {"choice": [1, 2]}, **place}]
    for scene, samples, truth in made(
        own, 4, layout=layout, background={"labels": ["rain"], "level": -40}, events=events
    ):
        numbers = {kind: [n for s in scene.of(kind) for n in s.parts] for kind in ("background",)}
        heard = slice(0, 1) if layout == "foa" else slice(None)
        under = alone(scene, numbers["background"])[heard]
        assert 10 * math.log10(power(under)) == pytest.approx(-40 + scene.plan.gain_db, abs=0.1)
        for source in scene.of("sound"):
            (told,) = [
                (one, segments, level)
                for one, segments, level in zip(
                    truth.facts.sources, truth.segments, truth.levels_db, strict=True
                )
                if one.label == source.label and one.onset_s is not None
                and abs(one.onset_s - scene.plan.parts[source.parts[0]].at_s) < 0.3
            ]  # fmt: skip
            sound = alone(scene, list(source.parts))[heard]
            level = 10 * math.log10(np.mean([power(row, told[1]) for row in sound]))
            assert told[0].snr_db == pytest.approx(7.5, abs=0.1)
            assert level - 10 * math.log10(power(under)) == pytest.approx(7.5, abs=0.1)
            assert level == pytest.approx(told[2], abs=0.1)
        assert np.abs(samples).max() <= 10 ** (-1 / 20) + 1e-6


def test_directions_are_those_of_the_intensity(own: RecordingPool) -> None:
    for _, samples, truth in made(own, 6, layout="foa", events=[{**APART, "place": PLACE}]):
        for source, segments in zip(truth.facts.sources, truth.segments, strict=True):
            own_part = np.concatenate(
                [samples[:, round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in segments], axis=1
            )
            y, z, x = (float(np.mean(own_part[0] * own_part[n])) for n in (1, 2, 3))
            azimuth = math.degrees(math.atan2(y, x))
            elevation = math.degrees(math.atan2(z, math.hypot(x, y)))
            assert source.azimuth_deg is not None and source.elevation_deg is not None
            assert abs((azimuth - source.azimuth_deg + 180) % 360 - 180) < 2
            assert abs(elevation - source.elevation_deg) < 2
            assert 0.8 <= (source.distance_m or 0) <= 3


def test_what_always_overlaps_does_and_what_moves_has_both_places(own: RecordingPool) -> None:
    where = {"azimuth": 60, "distance": 1}
    events = [
        {"labels": ["siren"], "onset": 5, "place": where, "to": {"azimuth": -60, "distance": 2}},
        {"labels": ["dog bark"], "overlap": "always", "place": where},
        {"labels": ["dog bark"], "overlap": False, "place": where},
    ]
    for _, _, truth in made(own, 4, duration=20, layout="foa", events=events):
        names = [one.label for one in truth.facts.sources]
        (both,) = truth.overlaps
        assert sorted(names[n] or "" for n in both[:2]) == ["dog bark", "siren"]
        assert both[3] - both[2] > 0.1
        ways = dict(zip(names, truth.to_dict()["paths"], strict=True))
        assert ways == {"siren": [[60.0, 0.0, 1.0], [-60.0, 0.0, 2.0]],
                        "dog bark": [[60.0, 0.0, 1.0]]}  # fmt: skip


def test_counts_overlaps_and_loudness_are_those_of_the_stems(own: RecordingPool) -> None:
    events = [{"count": 5, "labels": list(LABELS[:3]), "gain": {"uniform": [-12, 0]}}]
    overlapping = 0
    for scene, _, truth in made(own, 8, duration=3, events=events):
        assert dict(truth.counts) == Counter(s.label for s in scene.sources)
        levels = [truth.levels_db[n] for n in truth.loudness]
        assert levels == sorted(levels, reverse=True) and len(levels) == 5  # type: ignore[type-var]
        for one, other, start, end in truth.overlaps:
            assert start < end
            for n in (one, other):
                assert any(a <= start and end <= b for a, b in truth.segments[n])
        both = {(one, other) for one, other, _, _ in truth.overlaps}
        for one in range(5):
            for other in range(one + 1, 5):
                together = any(max(a, c) < min(b, d) for a, b in truth.segments[one]
                               for c, d in truth.segments[other])  # fmt: skip
                assert together == ((one, other) in both)
        overlapping += len(both)
    assert overlapping > 8


def test_speakers_take_turns_and_say_their_words(own: RecordingPool) -> None:
    talk = {"speakers": {"choice": [2, 3]}, "turns": 4, "snr": 15, "gap": {"uniform": [0, 0.3]}}
    for scene, _, truth in made(own, 8, background={"labels": ["rain"]}, talk=[talk]):
        said = [one for one in truth.facts.sources if one.kind == "speech"]
        assert len(said) == 4 and len({one.speaker for one in said}) in (2, 3)
        assert all(a.speaker != b.speaker for a, b in pairwise(said))
        for one in said:
            assert one.speaker in SPEAKERS and one.transcript in WORDS
            assert one.snr_db == pytest.approx(15, abs=0.01)
            (word,) = one.words or ()
            assert (word.text, word.start_s, word.end_s) == (
                one.transcript, one.onset_s, one.offset_s,
            )  # fmt: skip
        recorded = {source.recording: source for source in scene.of("speech")}
        assert {name.split("-")[0] for name in recorded} == {one.speaker for one in said}
        assert Counter(name.split("-")[1] for name in recorded) == Counter(
            one.transcript for one in said
        )
        assert truth.facts.sources[0].kind == "background" and truth.facts.layout == "mono"
    two = {"voices": ["Anna", "Cora"], "turns": 3}
    ((_, _, truth),) = made(own, 1, talk=[two])
    assert {one.speaker for one in truth.facts.sources} == {"anna", "cora"}


def test_pitch_tempo_and_movement_are_told_and_heard(own: RecordingPool) -> None:
    events = [{"labels": ["siren"], "tempo": 0.5, "pitch": 3, "place": {"azimuth": 60},
               "to": {"azimuth": -60}}]  # fmt: skip
    (((scene, samples, truth)),) = made(own, 1, layout="foa", events=events)
    (part,) = scene.plan.parts
    (source,) = truth.facts.sources
    assert source.onset_s is not None and source.offset_s is not None
    heard = (part.clip.duration_s or 0) - 2 * 0.15
    assert source.offset_s - source.onset_s == pytest.approx(heard / 0.5, abs=0.1)
    assert source.azimuth_deg == 60 and len(part.path) == 2
    assert source.pitch_semitones == 3
    middle = round((source.onset_s + source.offset_s) / 2 * RATE_HZ)
    y, x = (float(np.mean(samples[0, middle - 400 : middle + 400] *
                          samples[n, middle - 400 : middle + 400])) for n in (1, 3))  # fmt: skip
    assert abs(math.degrees(math.atan2(y, x))) < 12


def test_a_room_is_heard_as_long_as_it_is_told(own: RecordingPool) -> None:
    pytest.importorskip("pyroomacoustics")
    near = {**PLACE, "distance": {"uniform": [0.6, 1.1]}, "elevation": 0}
    room = {"size": [5, {"uniform": [3.5, 4.5]}, 2.6], "rt60": {"uniform": [0.2, 0.35]}}
    for scene, samples, truth in made(
        own, 2, layout="foa", room=room, events=[{"count": 2, "place": near, "labels": ["siren"]}]
    ):
        plan = scene.plan
        assert truth.facts.rt60_s is not None and 0.2 <= truth.facts.rt60_s <= 0.35
        for part in plan.parts:
            taps = response(part.path[0], plan.room, "foa", (), RATE_HZ,
                            response_size(plan, "foa")).taps  # fmt: skip
            assert rt60_of(taps[0], RATE_HZ) == pytest.approx(truth.facts.rt60_s, rel=0.15)
        assert samples.shape == (4, 6 * RATE_HZ)


def test_a_scene_is_a_function_of_declaration_recordings_seed_and_number(
    own: RecordingPool,
) -> None:
    declared = {"background": {"labels": ["rain"]}, "events": [{**APART, "snr": 3}]}
    once, again = made(own, 3, 7, **declared), made(own, 3, 7, **declared)
    for (one, sound, truth), (other, heard, told) in zip(once, again, strict=True):
        assert one == other and truth == told and sound.tobytes() == heard.tobytes()
        assert PlannedScene.from_dict(one.to_dict()) == one
        assert render(one.plan).tobytes() == sound[0].tobytes()
    assert made(own, 1, 8, **declared)[0][0] != once[0][0]
    shuffled = RecordingPool(list(reversed(own.recordings)), "train")
    spec = spec_from({"duration": 6, **declared})
    assert compose(spec, shuffled, SceneKey(7, 0)) == compose(spec, own, SceneKey(7, 0))
    # The label of the background is never that of an event, or its count would not be true.
    for scene, _, _ in made(own, 6, background={"labels": ["rain"]}, events=[{"count": 3}]):
        assert "rain" not in {source.label for source in scene.of("sound")}


def test_what_cannot_be_made_is_told(own: RecordingPool) -> None:
    for declared, found in (
        ({"events": [{"labels": ["cow"]}]}, "no recording of 'cow'"),
        ({"talk": [{"speakers": 9}]}, "9 speakers are declared, and split 'train' has 3"),
        ({"talk": [{"speakers": 2, "voices": ["Ben", "zoe"]}]}, "2 speakers are .* 'train' has 1"),
        ({"duration": 0.3, "events": [{"labels": ["siren"]}]}, "none of 100 attempts"),
        ({"duration": 1, "events": [{"count": 9, "overlap": False}]}, "none of 100 attempts"),
    ):
        with pytest.raises(DataError, match=found):
            compose(spec_from(declared), own, SceneKey(0, 0))


def test_long_scenes_get_their_gain_without_being_held(own: RecordingPool) -> None:
    spec = spec_from({"duration": 130, "background": {"labels": ["rain"], "level": -20},
                      "events": [{"count": 4, "snr": 25}]})  # fmt: skip
    scene = compose(spec, own, SceneKey(0, 0))
    plan, mix = peaked(scene.plan, -1.0)
    assert mix is None
    peak = np.abs(render(plan)).max()
    assert plan.gain_db is not None and plan.gain_db < 0
    assert 20 * math.log10(peak) == pytest.approx(-1.0, abs=0.01)
