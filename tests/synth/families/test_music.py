"""Families of music: answers follow from the facts, and the facts from the notes that sound."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from staged_world import staged_pool
from text_only_check import chance_fits

from harken.audio.load import load
from harken.facts import ClipFacts, MusicFacts
from harken.item import Item
from harken.shards.read import read_items
from harken.synth.families.tempo import beat_times
from harken.synth.make import FAMILIES, draw, families_of, make_dataset, redraw
from harken.synth.music import MAJOR, MINOR, TONICS, TRIADS
from harken.synth.pool import RecordingPool

N = 96
MUSIC = families_of(["music"])
POOL = RecordingPool([], "train")


@cache
def items(family: str, n: int = N, seed: int = 0) -> tuple[Item, ...]:
    found = tuple(draw(POOL, "train", family, n, seed))
    assert len(found) == n
    return found


def music(item: Item) -> MusicFacts:
    (facts,) = item.facts
    assert facts.music is not None
    return facts.music


def timbre(item: Item) -> set[str]:
    order = [source.label or "" for source in item.facts[0].sources]
    return {order["second" in item.question]}


def speed(item: Item) -> set[str]:
    first, last = music(item).tempo_bpm or 0.0, music(item).last_tempo_bpm or 0.0
    if item.choices[0].startswith("about"):
        return {one for one in item.choices if abs(first / int(one.split()[1]) - 1) < 0.06}
    return {
        f"it {'stays the same' if first == last else 'gets faster' if last > first else ''}"
    } - {"it "} or {"it gets slower"}


def kind(item: Item) -> set[str]:
    place = [n for n in ("first", "second", "third") if n in item.question]
    (at,) = (("first", "second", "third").index(n) for n in place)
    return {(music(item).chords or ())[at].split()[-1]}


def shape(item: Item) -> set[str]:
    steps = np.sign(np.diff(music(item).pitches or ()))
    changes = steps[np.flatnonzero(np.diff(steps, prepend=0))]
    told = {
        (1,): "it rises",
        (-1,): "it falls",
        (1, -1): "it rises and then falls",
        (-1, 1): "it falls and then rises",
    }
    return {told[tuple(int(s) for s in changes)]}


ORACLES: dict[str, Callable[[Item], set[str]]] = {
    "instrument": timbre,
    "tempo": speed,
    "metre": lambda item: {str(music(item).beats)},
    "key": lambda item: {music(item).key or "", (music(item).key or "").split()[-1]},
    "chord": kind,
    "contour": shape,
}


@pytest.mark.parametrize("family", MUSIC)
def test_exactly_one_choice_follows_from_the_facts(family: str) -> None:
    for item in items(family):
        assert ORACLES[family](item) & {*item.choices} == {item.answer}, (item.question, item.facts)


@pytest.mark.parametrize("family", MUSIC)
def test_items_come_again_from_seed_plan_and_json(family: str) -> None:
    again = tuple(draw(POOL, "train", family, 12, 0))
    assert again == items(family)[:12]
    assert {*items(family, 12, 1)}.isdisjoint(again)
    for item in again:
        assert redraw(json.loads(json.dumps(item.plan)), POOL) == item
        assert Item.from_dict(json.loads(json.dumps(item.to_dict()))) == item
        assert item.recordings == () and item.licence == "CC0-1.0"
        assert ClipFacts.from_dict(item.facts[0].to_dict()) == item.facts[0]


@pytest.mark.parametrize("family", MUSIC)
def test_clips_are_heard_and_not_clipped(family: str) -> None:
    for item in items(family)[:4]:
        sound, facts = load(item.clips[0]), item.facts[0]
        assert facts.duration_s == pytest.approx(len(sound) / 16_000, abs=1e-4)
        assert 0.02 < np.abs(sound).max() <= 10 ** (-1 / 20)
        first = min(source.onset_s or 0.0 for source in facts.sources)
        assert not np.any(sound[: round(first * 16_000)])
        assert item.need is not None and item.need.caption_proof
        assert 0 < (item.need.window_s or 0) <= facts.duration_s


@pytest.mark.parametrize("family", MUSIC)
def test_positions_are_right_as_often_as_chance_has_it(family: str) -> None:
    counts = Counter((len(item.choices), item.gold) for item in items(family))
    for size in {size for size, _ in counts}:
        n = sum(count for (own, _), count in counts.items() if own == size)
        for place in range(size):
            assert abs(counts[size, place] - n / size) < 4 * (n * (size - 1)) ** 0.5 / size


@pytest.mark.parametrize("family", MUSIC)
def test_a_text_only_linear_model_is_at_chance(family: str) -> None:
    assert chance_fits(items(family, 300, 1), items(family, 300, 2))


def test_a_dataset_of_music_has_its_notes_facts_and_sound(tmp_path: Path) -> None:
    own = staged_pool().recordings
    make_dataset(own, tmp_path / "refer", families=["music"], per_family=3)
    make_dataset(own, tmp_path / "embed", families=["music"], per_family=3, embed=True)
    referred, embedded = (list(read_items(tmp_path / one)) for one in ("refer", "embed"))
    assert len(referred) == len(embedded) == 3 * len(MUSIC)
    for one, other in zip(referred, embedded, strict=True):
        assert one == next(i for i in items(one.task) if i.id == one.id)
        assert (one.id, one.facts) == (other.id, other.facts) and other.clips[0].kind == "shard"
        assert np.allclose(load(one.clips[0]), load(other.clips[0]), atol=1e-4)


def notes(item: Item) -> list[tuple[float, float]]:
    """(onset in seconds, MIDI number) of the parts of the clip's scene."""
    plan = item.clips[0].plan
    assert plan is not None
    return [(part.at_s, part.clip.note.pitch) for part in plan.parts if part.clip.note]


def test_the_chords_that_sound_are_those_of_the_facts() -> None:
    for item in items("chord"):
        found = notes(item)
        for number, name in enumerate(music(item).chords or ()):
            pitches = sorted(pitch for _, pitch in found[3 * number : 3 * number + 3])
            root, told = name.rsplit(" ", 1)
            assert TONICS[int(pitches[0]) % 12] == root
            assert tuple(int(p - pitches[0]) for p in pitches) == TRIADS[told]
        kinds = [name.split()[-1] for name in music(item).chords or ()]
        assert len({*kinds}) == 3 and {*kinds} <= {*item.choices}


def test_all_tones_of_a_piece_are_of_its_key_and_it_ends_on_the_tonic() -> None:
    for item in items("key"):
        tonic, mode = (music(item).key or "").rsplit(" ", 1)
        scale = {
            (TONICS.index(tonic) + step) % 12 for step in (MAJOR if mode == "major" else MINOR)
        }
        assert {int(pitch) % 12 for _, pitch in notes(item)} <= scale
        assert int((music(item).pitches or ())[-1]) % 12 == TONICS.index(tonic)
        if len(item.choices) == 4:
            tonics = [TONICS.index(one.rsplit(" ", 1)[0]) for one in item.choices]
            assert Counter(tonics) == {tonics[0]: 2, next(t for t in tonics if t != tonics[0]): 2}
            a, b = sorted({*tonics})
            assert (a - b) % 12 in (3, 9)


def test_accents_come_once_a_bar_and_there_are_two_whole_bars() -> None:
    for item in items("metre"):
        found, beats = notes(item), music(item).beats or 0
        beat_s = 60.0 / (music(item).tempo_bpm or 1.0)
        strong = [at_s for at_s, pitch in found if pitch < 50]
        gaps = np.diff(strong) / beat_s
        assert np.allclose(gaps, beats, atol=0.01) and len(strong) >= 2
        last_s = max(at_s for at_s, _ in found)
        assert (last_s - strong[0]) / beat_s >= 2 * beats - 1.01


def test_beats_come_at_the_tempo_by_hand() -> None:
    assert beat_times(60.0, 60.0, 0.5, 3.0) == [0.5, 1.5, 2.5, 3.5]
    faster = np.diff(beat_times(60.0, 120.0, 0.0, 10.0))
    assert faster[0] == 1.0 and np.all(np.diff(faster) < 0)
    assert 60 / faster[-1] == pytest.approx(120, rel=0.08)
    for item in items("tempo")[:12]:
        onsets = [at_s for at_s, _ in notes(item)]
        assert 60 / (onsets[1] - onsets[0]) == pytest.approx(music(item).tempo_bpm, rel=1e-3)


def test_no_tempo_that_can_be_chosen_is_another_counted_twice() -> None:
    low, high = 0.95, 1.05
    options = [int(one.split()[1]) for one in next(
        item.choices for item in items("tempo") if item.choices[0].startswith("about")
    )]  # fmt: skip
    for one in options:
        for other in options:
            for times in (2, 3):
                assert not low**2 <= times * one / other <= high**2


def test_what_is_balanced_comes_equally_often() -> None:
    assert {*Counter(item.tags[-1] for item in items("tempo")).values()} == {N // 2}
    assert {*Counter(item.tags[-1] for item in items("key")).values()} == {N // 2}
    assert {*Counter(len(music(item).pitches or ()) for item in items("contour")).values()} == {24}
    asked = Counter("second" in item.question for item in items("instrument"))
    assert set(asked.values()) == {N // 2}
    assert all(FAMILIES.get(name).made_with == "music" for name in MUSIC)
