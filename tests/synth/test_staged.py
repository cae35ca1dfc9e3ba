"""Staged scenes: constants that give the same clip again, and facts as scenes have them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from staged_world import staged_pool

from harken.audio.clip import Part, ScenePlan
from harken.audio.load import render
from harken.audio.space.place import Place
from harken.corpora.base import Recording
from harken.facts import ClipFacts
from harken.synth.design import BlockDesign
from harken.synth.question import Draw, Picks
from harken.synth.scenes.planned import PlannedScene, PlannedSource
from harken.synth.scenes.truth import truth_of
from harken.synth.staged import PEAK_DB, StagedEvent, in_slots, stage, staged
from harken.synth.takes import CastEvent, cast


def draw(seed: int = 0) -> Draw:
    return Draw(BlockDesign((seed,), seed), np.random.default_rng(seed), (seed, 1, 2, 0))


def events(*names: str) -> list[CastEvent]:
    kind = 1 if names[0] in ("zero", "one") else 0
    found = cast(draw(), staged_pool().events[kind], names)
    assert found is not None
    return found


def built(picks: Picks) -> tuple[ScenePlan, ClipFacts]:
    clip, facts = staged(picks.values["scene"], picks.recordings)
    assert clip.plan is not None
    return clip.plan, facts


def at(names: tuple[str, ...], times: tuple[float, ...], **more: object) -> list[StagedEvent]:
    return [StagedEvent(e, t, **more) for e, t in zip(events(*names), times, strict=True)]  # type: ignore[arg-type]


def test_facts_are_those_that_the_scene_compiler_measures() -> None:
    picks = stage(at(("cat", "rain", "piano"), (0.5, 1.0, 3.7)), 6.0, {})
    plan, facts = built(picks)
    sources = [
        PlannedSource("sound", (n,), r.id, label=r.labels[0])
        for n, r in enumerate(picks.recordings)
    ]
    truth = truth_of(PlannedScene(plan, tuple(sources)))
    assert [s.label for s in facts.sources] == [s.label for s in truth.facts.sources]
    for own, measured in zip(facts.sources, truth.facts.sources, strict=True):
        assert own.onset_s == pytest.approx(measured.onset_s, abs=1e-4)
        assert own.offset_s == pytest.approx(measured.offset_s, abs=1e-4)
        assert own.gain_db == measured.gain_db


def test_an_event_is_heard_when_the_facts_say() -> None:
    plan, facts = built(stage(at(("cat",), (1.25,)), 3.0, {}))
    (source,) = facts.sources
    samples = np.abs(render(plan))
    loud = np.flatnonzero(samples > 0.01 * samples.max()) / plan.rate_hz
    assert source.onset_s == pytest.approx(loud[0], abs=0.01)
    assert source.offset_s == pytest.approx(loud[-1], abs=0.01)


def test_events_have_one_level_and_differ_by_what_was_drawn() -> None:
    found = events("cat", "rain")
    picks = stage([StagedEvent(found[0], 0.5, 0.0), StagedEvent(found[1], 3.0, -6.0)], 6.0, {})
    plan, _ = built(picks)

    def rms(begin_s: float, end_s: float) -> float:
        heard = render(plan, begin_s, end_s - begin_s).astype(np.float64)
        return 10 * math.log10(float(np.mean(heard * heard)))

    (one, other) = (row["heard"] for row in picks.values["scene"]["events"])
    assert rms(*one) - rms(*other) == pytest.approx(6.0, abs=0.2)
    assert plan.gain_db == 0.0 and rms(*one) == pytest.approx(-26.0, abs=0.2)


@pytest.mark.parametrize("layout", ["mono", "stereo", "binaural", "foa"])
def test_no_scene_is_beyond_full_scale(layout: str) -> None:
    """Eight events at once, a hand's breadth away: the constant gain of the whole is enough."""
    near = (Place(90.0, 0.0, 0.3),)
    names = ("cat", "rain", "siren", "piano")
    found = [*at(names, (1.0,) * 4, path=near), *at(names, (1.01,) * 4, path=near)]
    picks = stage(found, 4.0, {}, layout)
    plan, _ = built(picks)
    assert plan.gain_db is not None and plan.gain_db < -3
    assert float(np.abs(render(plan, mono=False)).max()) <= 10 ** (PEAK_DB / 20)


def test_a_window_is_that_of_the_whole_scene() -> None:
    plan, _ = built(stage(at(("cat", "rain"), (0.5, 1.0)), 4.0, {}))
    whole = render(plan)
    assert np.array_equal(render(plan, 0.75, 1.0), whole[12000:28000])


def test_when_an_event_begins_says_nothing_of_its_length() -> None:
    """The same draws give the same onsets, whatever the takes are."""
    short = in_slots(draw(3), events("cat", "piano", "rooster"))
    long = in_slots(draw(3), events("rain", "siren", "chainsaw"))
    assert [one.at_s for one in short] == [one.at_s for one in long]
    for number, one in enumerate(long):
        assert 3.0 * number < one.heard[0] and one.heard[1] < 3.0 * (number + 1)


def test_words_and_places_are_among_the_facts() -> None:
    left = (Place(70.0, 0.0, 1.5),)
    picks = stage(at(("zero",), (0.4,), path=left), 2.0, {}, "stereo")
    plan, facts = built(picks)
    (source,) = facts.sources
    assert (source.kind, source.transcript, source.azimuth_deg) == ("speech", "zero", 70.0)
    assert source.words is not None and source.words[0].start_s == source.onset_s
    assert source.speaker == picks.recordings[0].speaker
    assert plan.layout == facts.layout == "stereo" and render(plan, mono=False).shape[0] == 2
    left_power, right_power = np.square(render(plan, mono=False)).sum(axis=1)
    assert left_power > 30 * right_power


def test_parts_of_a_plan_are_known_by_content() -> None:
    one, two = (built(stage(at(("cat",), (t,)), 2.0, {}))[0] for t in (0.5, 0.5))
    assert one == two and one.to_dict(keys=True) == two.to_dict(keys=True)
    assert isinstance(one.parts[0], Part)
    assert all(isinstance(r, Recording) for r in staged_pool().recordings)
