"""The facts of items are those of the recordings and of the scenes made from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from labelled_sounds import sound, voice, world

from harken.audio.clip import ScenePlan
from harken.item import Item
from harken.shards.jsonl import read_jsonl, write_jsonl
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from harken.synth.known import facts_of, sources_of
from harken.synth.make import draw, families_of
from harken.synth.pool import RecordingPool

WORLD = world()
POOL = RecordingPool(WORLD, "train")
BY_SHA = {recording.clip.sha256: recording for recording in WORLD}


def items_of(family: str, n: int = 60) -> list[Item]:
    return list(draw(POOL, "train", family, n, 5))


@pytest.mark.parametrize("family", families_of(["recordings"]))
def test_every_item_says_what_is_in_its_clips(family: str) -> None:
    for item in items_of(family):
        assert len(item.facts) == len(item.clips)
        for clip, facts in zip(item.clips, item.facts, strict=True):
            parts = [clip] if clip.plan is None else [part.clip for part in clip.plan.parts]
            told = [name for part in parts for name in BY_SHA[part.sha256].labels]
            said = [BY_SHA[part.sha256].transcript for part in parts]
            assert {s.label for s in facts.sources} - {None} <= {*told, *said}
            assert {s.transcript for s in facts.sources} <= {*said, *told, None}
            assert facts.duration_s == clip.duration_s


def test_times_and_gains_in_scenes_are_those_of_the_parts() -> None:
    for item in (*items_of("first"), *items_of("order")):
        for clip, facts in zip(item.clips, item.facts, strict=True):
            if clip.plan is None:
                assert all(source.gain_db is None for source in facts.sources)
                continue
            assert facts.timed and facts.layout == "mono"
            for source, part in zip(facts.sources, clip.plan.parts, strict=True):
                assert source.onset_s == pytest.approx(part.at_s, abs=1e-4)
                end = part.at_s + (part.clip.duration_s or 0)
                assert source.offset_s == pytest.approx(end, abs=1e-3)
                assert source.gain_db == part.gain_db
                assert source.snr_db is None and source.azimuth_deg is None


def test_a_background_is_told_from_the_voice() -> None:
    mixed = [item for item in items_of("same-word", 40) if "background" in item.tags]
    assert len(mixed) == 20
    for item in mixed:
        for clip, facts in zip(item.clips, item.facts, strict=True):
            assert isinstance(clip.plan, ScenePlan)
            behind, said = facts.sources
            assert (behind.kind, said.kind) == ("background", "speech")
            assert (behind.onset_s, said.onset_s) == (0.0, 0.2)
            assert behind.gain_db == clip.plan.parts[1].gain_db and facts.is_speech


def test_onsets_of_a_corpus_are_told_and_others_are_not_known() -> None:
    one = replace(sound("rain", 0), labels=("rain", "siren"), onsets=(("siren", 0.5, 9.0),))
    rain, siren = sources_of(one)
    assert (rain.onset_s, siren.onset_s) == (None, 0.5)
    assert siren.offset_s == one.clip.duration_s
    twice = replace(sound("dog", 0), onsets=(("dog", 0.1, 0.2), ("dog", 0.3, 0.4)))
    assert [source.onset_s for source in sources_of(twice)] == [0.1, 0.3]
    (said,) = facts_of(voice("seven", "anna", 0)).sources
    assert (said.name, said.speaker, said.kind) == ("seven", "train:anna", "speech")


def test_facts_survive_shards_and_lines(tmp_path: Path) -> None:
    items = [item for family in ("order", "same-word", "count") for item in items_of(family, 8)]
    write_dataset(items, tmp_path / "set", name="set")
    back = list(read_items(tmp_path / "set"))
    assert [item.facts for item in back] == [item.facts for item in items]
    write_jsonl(items, tmp_path / "items.jsonl")
    assert [item.facts for item in read_jsonl(tmp_path / "items.jsonl")] == [i.facts for i in items]
