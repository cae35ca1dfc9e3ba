"""Scenes of two sounds: what differs in a quadruple, and what does not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from harken.audio.clip import Clip
from harken.audio.load import load
from harken.corpora.base import Recording
from harken.facts import SourceFacts
from harken.recipes.codec import recordings_of
from harken.recipes.two_events import (
    KINDS,
    SCENE_S,
    Stretches,
    blocks,
    label_pairs,
    quadruples,
    sound_recordings,
    training_scenes,
)
from tones import tones


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    root = tmp_path_factory.mktemp("world") / "corpus"
    tones(root)
    return recordings_of([root], "", 0)


@pytest.fixture(scope="module")
def train(recordings: list[Recording]) -> list[Recording]:
    return sound_recordings(recordings, "train")


def test_a_third_of_the_pairs_is_new() -> None:
    labels = [str(number) for number in range(10)]
    new, known = label_pairs(labels, new=True), label_pairs(labels, new=False)
    assert (len(new), len(known)) == (15, 30)
    assert set(new).isdisjoint(known)
    assert Counter(label for pair in new for label in pair).keys() == set(labels)


@pytest.mark.parametrize("kind", KINDS)
def test_training_leaves_the_new_pairs_out(train: list[Recording], kind: str) -> None:
    new = {*label_pairs([one.labels[0] for one in train], new=True)}
    made = training_scenes(train, kind, 14, Stretches())
    pairs = {tuple(sorted(source.label or "" for source in one.facts[0].front)) for one in made}
    assert pairs and pairs.isdisjoint(new)
    again = training_scenes(train, kind, 14, Stretches())
    assert [one.id for one in again] == [one.id for one in made]
    assert ("quiet" in made[0].answer) == (kind == "loudness")
    assert ("low-pitched" in made[0].answer) == (kind == "pitch")
    assert (", then " in made[0].answer) == (kind == "order")


def test_the_sounds_of_an_order_change_places(train: list[Recording]) -> None:
    for one in quadruples(train, "order", Stretches())[:4]:
        first, second = (facts.front for facts in one.facts)
        assert [s.label for s in first] == [s.label for s in second][::-1]
        assert {(s.label, s.snr_db) for s in first} == {(s.label, s.snr_db) for s in second}
        assert [s.onset_s for s in first] == [s.onset_s for s in second]
        names = [s.label for s in first]
        assert one.choices == (f"{names[0]}, then {names[1]}", f"{names[1]}, then {names[0]}")


def test_the_levels_of_a_loudness_change_places(train: list[Recording]) -> None:
    one = quadruples(train, "loudness", Stretches())[0]
    first, second = (facts.front for facts in one.facts)
    assert [s.label for s in first] == [s.label for s in second]
    assert [s.snr_db for s in first] == [s.snr_db for s in second][::-1]
    loud = max(first, key=lambda s: s.snr_db or 0.0).label
    assert one.choices[0].startswith(f"loud {loud} and quiet ")
    for clip, facts in zip(one.clips, one.facts, strict=True):
        sound = load(clip)
        assert len(sound) == round(SCENE_S * 16_000)
        levels = []
        for source in facts.front:
            start, end = (round((t or 0.0) * 16_000) for t in (source.onset_s, source.offset_s))
            levels.append(10 * np.log10(np.mean(np.square(sound[start:end]))))
        told = (facts.front[0].snr_db or 0.0) - (facts.front[1].snr_db or 0.0)
        assert levels[0] - levels[1] == pytest.approx(told, abs=1.0)


def test_the_pitches_of_a_pair_change_places(train: list[Recording]) -> None:
    """The tones are raised by what the facts say: five semitones are a fourth, 4/3."""
    for one in quadruples(train, "pitch", Stretches())[:3]:
        first, second = (facts.front for facts in one.facts)
        assert [s.label for s in first] == [s.label for s in second]
        assert [s.pitch_semitones for s in first] == [s.pitch_semitones for s in second][::-1]
        high = max(first, key=lambda s: s.pitch_semitones or 0.0).label
        assert one.choices[0].startswith(f"high-pitched {high} and low-pitched ")
        for at in range(2):
            tones_hz = [
                main_hz(clip, facts.front[at])
                for clip, facts in zip(one.clips, one.facts, strict=True)
            ]
            told = (first[at].pitch_semitones or 0.0) - (second[at].pitch_semitones or 0.0)
            assert 12 * np.log2(tones_hz[0] / tones_hz[1]) == pytest.approx(told, abs=0.5)


def main_hz(clip: Clip, source: SourceFacts) -> float:
    """The strongest frequency of a source while it is heard."""
    start, end = (round((t or 0.0) * 16_000) for t in (source.onset_s, source.offset_s))
    own = load(clip)[start:end]
    power = np.abs(np.fft.rfft(own * np.hanning(len(own)), 1 << 17))
    return float(np.argmax(power)) * 16_000 / (1 << 17)


def test_scenes_do_not_mix_blocks(train: list[Recording]) -> None:
    made = blocks(train)
    sources = [takes[0].id for block in made for takes in block]
    assert len(sources) == len(set(sources))
    assert all(len({takes[0].labels for takes in block}) == len(block) for block in made)
    own = {takes[0].id: f"block-{n}" for n, block in enumerate(made) for takes in block}
    for item in quadruples(train, "order", Stretches()):
        assert {own[name] for name in item.recordings} == {item.plan["block"]}
