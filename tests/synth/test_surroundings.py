"""Backgrounds and rooms of staged scenes: the same questions, true facts, constants in the plan."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from staged_world import LABELS, staged_pool

from harken.audio.load import load, render
from harken.audio.stems import stem
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.synth.make import draw, families_of, redraw
from harken.synth.scenes.spec import surroundings_from
from harken.synth.staged import background_parts
from harken.synth.staging import USUAL, Staging

BEHIND = Staging(around=surroundings_from({"background": {"level": {"uniform": [-50, -40]}}}))
FAMILIES = ("when", "absent", "duration", "stream", "dialogue")


@cache
def items(family: str, n: int = 6, staging: Staging = BEHIND) -> tuple[Item, ...]:
    found = tuple(draw(staged_pool(), "train", family, n, 0, staging))
    assert len(found) == n
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_asked_is_that_of_the_same_seed_without(family: str) -> None:
    for item, plain in zip(items(family), items(family, 6, USUAL), strict=True):
        assert (item.question, item.answer, item.choices) == (
            plain.question,
            plain.answer,
            plain.choices,
        )
        assert item.id != plain.id and len(item.recordings) > len(plain.recordings)
        for facts, before in zip(item.facts, plain.facts, strict=True):
            front = [(s.label, s.onset_s, s.offset_s) for s in facts.front]
            assert front == [(s.label, s.onset_s, s.offset_s) for s in before.sources]
            assert len(facts.sources) == len(facts.front) + 1
        assert redraw(json.loads(json.dumps(item.plan)), staged_pool()) == item


@pytest.mark.parametrize("family", families_of(["scenes", "long"]))
def test_every_family_can_have_a_background(family: str) -> None:
    short = Staging(long_s=(60.0,), around=BEHIND.around)
    for item in items(family, 2, short):
        kinds = {source.kind for facts in item.facts for source in facts.sources}
        assert ("background" in kinds) is (
            item.plan["values"].keys() & {"scene", "scenes"} != set()
        )
        assert redraw(item.plan, staged_pool()) == item


@pytest.mark.parametrize("family", FAMILIES)
def test_no_text_of_an_item_names_its_background(family: str) -> None:
    for item in items(family, 24):
        (behind, *_) = (s for f in item.facts for s in f.sources if s.kind == "background")
        assert behind.label in LABELS
        texts = [item.question, item.answer, *item.choices, *item.rationales]
        assert not any(str(behind.label) in text for text in texts)
        assert all(source.label != behind.label for f in item.facts for source in f.front)


def test_levels_over_the_background_are_those_that_sound() -> None:
    """Each event alone, over the background alone, as both are in the mix."""
    for item in items("when"):
        plan = item.clips[0].plan
        assert plan is not None and plan.gain_db is not None
        events, total = len(item.facts[0].front), round(plan.duration_s * plan.rate_hz)
        own = [stem(plan, n, 0, total, "mono", load)[0] for n in range(len(plan.parts))]
        behind = float(np.mean(np.square(np.sum(own[events:], axis=0))))
        for number, source in enumerate(item.facts[0].front):
            a, b = (round(16_000 * (t or 0.0)) for t in (source.onset_s, source.offset_s))
            level = float(np.mean(np.square(own[number][a:b])))
            assert source.snr_db == pytest.approx(10 * np.log10(level / behind), abs=0.15)
        whole = render(plan)
        assert np.abs(whole).max() <= 10 ** (-1 / 20) + 1e-6
        assert np.array_equal(render(plan, 1.0, 2.0), whole[16_000:48_000])


def test_a_background_goes_on_to_the_end_by_hand() -> None:
    recording = next(r for r in staged_pool().recordings if r.clip.duration_s == 1.1)
    parts = background_parts(recording, 3.0, -4.0)
    assert [part.at_s for part in parts] == [0.0, 1.05, 2.1]
    assert all(part.gain_db == -4.0 and part.fade_s == 0.05 for part in parts)


def test_in_a_room_events_have_places_and_ring_on() -> None:
    pytest.importorskip("pyroomacoustics")
    wanted = surroundings_from({"room": {"size": [7, 6, 3], "rt60": 0.4}})
    found = items("when", 2, Staging(around=wanted))
    for item, plain in zip(found, items("when", 2, USUAL), strict=True):
        facts, plan = item.facts[0], item.clips[0].plan
        assert facts.rt60_s == 0.4 and plan is not None and plan.room is not None
        assert all(plan.room.holds(part.path[0]) for part in plan.parts)
        assert all(0.8 <= (s.distance_m or 0) <= 2.0 and s.snr_db is None for s in facts.sources)
        assert item.question == plain.question
        last = facts.sources[0].offset_s or 0.0
        after = slice(round(16_000 * (last + 0.02)), round(16_000 * (last + 0.1)))
        assert (
            np.abs(load(item.clips[0])[after]).max()
            > 100 * np.abs(load(plain.clips[0])[after]).max()
        )


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ConfigError, match="neither background nor room"):
        surroundings_from({})
    with pytest.raises(ConfigError, match="unknown key 'rooms'"):
        surroundings_from({"rooms": {}})
    other = Staging(around=surroundings_from({"background": {"labels": ["tram"]}}))
    with pytest.raises(DataError, match="'tram'"):
        next(draw(staged_pool(), "train", "when", 1, 0, other))


def test_settings_that_differ_are_told_and_can_be_stored() -> None:
    told = json.loads(json.dumps(BEHIND.to_dict()))
    assert told["around"]["background"]["level"] == {"name": "uniform", "values": [-50.0, -40.0]}
    assert "long_s" not in told
