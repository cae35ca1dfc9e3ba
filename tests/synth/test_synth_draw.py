"""Items are pure functions of recordings and seed, true to labels, and come again from plans."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from labelled_sounds import CLOSED, sound, voice, world

from harken.audio.clip import ScenePlan
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.synth.make import FAMILIES, draw, families_of, redraw
from harken.synth.pool import RecordingPool, fingerprint

ALL = families_of(["recordings"])
"""Those about scenes decode recordings: `test_synth_staged` has them."""
WORLD = world()
POOL = RecordingPool(WORLD, "train")


@pytest.mark.parametrize("family", tuple(FAMILIES))
def test_every_family_module_has_the_same_structure(family: str) -> None:
    kind = FAMILIES.get(family)
    module = sys.modules[kind.pick.__module__]
    assert module.__name__ == f"harken.synth.families.{family.replace('-', '_')}"
    assert (module.__doc__ or "").startswith(f"{family}: ")
    assert kind.name == family
    assert (kind.lacks, kind.pick, kind.build) == (module.lacks, module.pick, module.build)
    if family == "twins":  # asks in the wordings of other families
        return
    assert kind.templates >= 4
    wordings = module.QUESTIONS if isinstance(module.QUESTIONS, dict) else {"": module.QUESTIONS}
    for texts in wordings.values():
        assert len(texts) >= 4 and len(set(texts)) == len(texts)


def items_of(family: str, n: int = 60, seed: int = 5) -> list[Item]:
    return list(draw(POOL, "train", family, n, seed))


@pytest.mark.parametrize("family", ALL)
def test_the_order_and_folder_of_recordings_do_not_matter(family: str) -> None:
    moved = [replace(r, clip=replace(r.clip, path="/elsewhere/" + r.id)) for r in reversed(WORLD)]
    once = [(i.id, i.plan, i.rationales) for i in draw(WORLD, "train", family, 30, 1)]
    again = [(i.id, i.plan, i.rationales) for i in draw(moved, "train", family, 30, 1)]
    assert once == again


@pytest.mark.parametrize("family", ALL)
def test_a_plan_gives_the_item_again(family: str) -> None:
    for item in items_of(family):
        plan = json.loads(json.dumps(item.plan))
        assert redraw(plan, WORLD if item.plan["index"] == 0 else POOL) == item
        assert Item.from_dict(item.to_dict()) == item


@pytest.mark.parametrize("family", ALL)
def test_items_differ_and_a_longer_draw_begins_like_a_shorter(family: str) -> None:
    ids = [item.id for item in items_of(family, 300)]
    assert len(set(ids)) == 300
    assert ids[:100] == [item.id for item in items_of(family, 100)]
    assert ids[:30] != [item.id for item in items_of(family, 30, seed=6)]


@pytest.mark.parametrize("family", ALL)
def test_the_sources_of_an_item_are_right(family: str) -> None:
    by_id = {recording.id: recording for recording in WORLD}
    for item in items_of(family):
        sources = [by_id[name] for name in item.recordings]
        assert len(item.recordings) == len(item.plan["picks"])
        assert {source.split for source in sources} == {"train"} == {item.split}
        assert set(item.speakers) == {s.speaker for s in sources if s.speaker}
        assert item.licence == " + ".join(sorted({s.licence for s in sources}))
        assert item.task == family
        assert item.tags[0] == ("multi" if len(item.clips) > 1 else "single")
        assert len(item.rationales) == 1 and item.answer in item.rationales[0]
        assert all(clip.duration_s for clip in item.clips)


def truth(item: Item) -> str:
    """The answer, found from the recordings' labels alone."""
    by_sha = {recording.clip.sha256: recording for recording in WORLD}
    picks = [by_sha[pick["sha256"]] for pick in item.plan["picks"]]
    values = item.plan["values"]

    def holds(recording: object, name: str) -> bool:
        assert hasattr(recording, "labels")
        words = (recording.transcript or "").split()
        return name in recording.labels or name in words

    if item.task in ("identify", "word") or values.get("form") == "choose":
        fits = [
            shown
            for name, shown in zip(values["choices"], item.choices, strict=True)
            if holds(picks[0], name) or name.removesuffix(" …") in (picks[0].transcript or "")
        ]
        (only,) = fits
        return only
    if item.task == "presence":
        return "yes" if holds(picks[0], values["query"]) else "no"
    if item.task == "same-sound":
        return "yes" if picks[0].labels == picks[1].labels else "no"
    if item.task == "same-word":
        return "yes" if picks[0].transcript == picks[1].transcript else "no"
    if item.task == "same-speaker":
        return "yes" if picks[0].speaker == picks[1].speaker else "no"
    if item.task == "count":
        return str(sum(holds(pick, values["query"]) for pick in picks))
    if item.task in ("which-clip", "caption"):
        query = values["query"].removesuffix(" …")
        place = [i for i, p in enumerate(picks) if holds(p, query) or query in (p.transcript or "")]
        assert len(place) == 1
        return f"clip {place[0] + 1}"
    if item.task == "transcribe":
        return picks[0].transcript or ""
    if item.task == "describe":
        return picks[0].captions[0]
    names = [(pick.labels or (pick.transcript,))[0] for pick in picks]
    if item.task == "name":
        (only,) = picks[0].labels
        return only
    return names[0] if item.task == "first" else ", ".join(names)


@pytest.mark.parametrize("family", [*CLOSED, "order", "transcribe", "name", "describe"])
def test_the_answer_is_true(family: str) -> None:
    for item in items_of(family, 400):
        assert truth(item) == item.answer, item


def test_scenes_place_events_one_after_the_other() -> None:
    for item in items_of("first", 40):
        plan = item.clips[0].plan
        assert isinstance(plan, ScenePlan)
        first, second = plan.parts
        gap = second.at_s - first.at_s - (first.clip.duration_s or 0)
        assert 0.199 <= gap <= 0.801
        assert -6 <= first.gain_db <= 0 and -6 <= second.gain_db <= 0
        end = second.at_s + (second.clip.duration_s or 0)
        assert plan.duration_s == pytest.approx(end + 0.1)


def test_the_first_event_is_as_often_the_louder_one() -> None:
    """Nobody finds the first sound by its level, nor the place of a gap by its length."""
    louder = [
        item.clips[0].plan.parts[0].gain_db > item.clips[0].plan.parts[1].gain_db
        for item in items_of("first", 600)
        if item.clips[0].plan is not None
    ]
    assert abs(sum(louder) / len(louder) - 0.5) < 4 * 0.5 / len(louder) ** 0.5
    gaps = [item.plan["values"]["gaps_s"] for item in items_of("order", 600, seed=2)
            if "scene" in item.tags and len(item.plan["picks"]) == 3]  # fmt: skip
    shorter = [one < other for one, other in gaps]
    assert abs(sum(shorter) / len(shorter) - 0.5) < 4 * 0.5 / len(shorter) ** 0.5


def test_a_background_lies_below_the_voice() -> None:
    """10 to 18 dB below its own level, from the beginning to the end of the clip."""
    mixed = [item for item in items_of("same-word", 80) if "background" in item.tags]
    assert len(mixed) == 40
    for clip in (clip for item in mixed for clip in item.clips):
        assert isinstance(clip.plan, ScenePlan)
        voice, under = clip.plan.parts
        assert voice.gain_db == 0 and -18 <= under.gain_db <= -10
        assert voice.at_s == pytest.approx(0.2) and under.at_s == 0
        assert clip.duration_s == pytest.approx((voice.clip.duration_s or 0) + 0.4)


def test_a_name_is_counted_where_every_number_of_it_could_be_there() -> None:
    """Of n clips all must be able to hold it, or a rare name would tell that the number is low."""
    few = {"dog": 8, "cat": 8, "rain": 3, "siren": 1}
    pool = RecordingPool([sound(label, no) for label, n in few.items() for no in range(n)], "train")
    items = list(draw(pool, "train", "count", 300, 0))
    assert len(items) == 300  # the balance does not end with the first name that is too rare
    for item in items:
        assert few[item.plan["values"]["query"]] >= len(item.clips)


def test_onsets_say_where_the_event_of_a_long_recording_is() -> None:
    long = [
        replace(
            sound(label, no),
            clip=replace(sound(label, no).clip, duration_s=60.0),
            onsets=((label, 20.0, 21.5),),
        )
        for label in ("siren", "rain")
        for no in range(3)
    ]
    for item in draw(long, "train", "first", 10, 0):
        assert item.clips[0].plan is not None
        for part in item.clips[0].plan.parts:
            assert (part.clip.start_s, part.clip.duration_s) == (20.0, 1.5)
    without = [replace(recording, onsets=()) for recording in long]
    with pytest.raises(DataError, match="short enough"):
        list(draw(without, "train", "first", 10, 0))


def test_pairs_of_speakers_share_neither_recording_nor_words() -> None:
    by_id = {recording.id: recording for recording in WORLD}
    for item in items_of("same-speaker", 300):
        a, b = (by_id[name] for name in item.recordings)
        assert a.id != b.id and a.transcript != b.transcript


def test_pairs_of_words_have_two_speakers_in_both_classes() -> None:
    mixed = 0
    for item in items_of("same-word", 300):
        assert len({p["recording"].split("-")[1] for p in item.plan["picks"][:2]}) == 2
        if "background" in item.tags:
            mixed += 1
            one, other = item.plan["values"]["backgrounds"]
            assert one != other
            assert all(clip.plan is not None for clip in item.clips)
    assert mixed == 150


def test_clashing_names_are_never_in_one_item() -> None:
    labels = ("dog", "dog bark", "barking dog", "rain", "rain on roof", "cat", "siren", "train")
    pool = RecordingPool([sound(label, no) for label in labels for no in range(8)], "train")
    dogs, rains = {"dog", "dog bark", "barking dog"}, {"rain", "rain on roof"}
    for item in draw(pool, "train", "identify", 300, 0):
        assert len(dogs & set(item.choices)) <= 1 and len(rains & set(item.choices)) <= 1
    for family in ("presence", "which-clip", "count", "same-sound"):
        for item in draw(pool, "train", family, 200, 0):
            values = item.plan["values"]
            heard = values["heard"] if isinstance(values["heard"], list) else [values["heard"]]
            query = values.get("query", heard[0])
            for group in (dogs, rains):
                if query in group:
                    assert (group - {query}).isdisjoint(heard)


def test_copies_become_one_recording_with_the_labels_of_both() -> None:
    one, other = sound("rain", 0), sound("siren", 1)
    copy = replace(one, id="copy", labels=("thunder",))
    pool = RecordingPool([one, copy, other], "train")
    assert len(pool.recordings) == 2
    assert sorted(label for r in pool.recordings for label in r.labels) == [
        "rain",
        "siren",
        "thunder",
    ]
    assert pool.lone_sounds.names == ("siren",)


def test_what_a_corpus_lacks_is_reported() -> None:
    few = [sound("rain", 0), voice("one", "anna", 0), voice("two", "anna", 1)]
    reasons = {name: FAMILIES.get(name).lacks(RecordingPool(few, "train")) for name in ALL}
    assert "2 speakers" in reasons["same-speaker"] and "there are 1" in reasons["same-speaker"]
    assert "4 labels" in reasons["identify"] and "there are 1" in reasons["identify"]
    with pytest.raises(DataError, match="cannot make 'identify'"):
        next(draw(few, "train", "identify", 1, 0))
    with pytest.raises(ConfigError, match="which-clip"):
        next(draw(few, "train", "which-clips", 1, 0))


def test_an_exhausted_family_ends_balanced() -> None:
    pool = RecordingPool([sound("rain", 0), sound("siren", 1)], "train")
    items = list(draw(pool, "train", "presence", 1000, 0))
    assert 16 <= len(items) <= 64  # 2 recordings x 2 labels x 16 wordings
    yes = sum(item.answer == "yes" for item in items)
    assert abs(yes - len(items) / 2) <= 1


def test_redraw_reports_what_is_missing() -> None:
    item = items_of("presence", 1)[0]
    with pytest.raises(DataError, match="is missing"):
        redraw(item.plan, [r for r in WORLD if r.id not in item.recordings])
    with pytest.raises(DataError, match="version"):
        redraw({**item.plan, "version": 99}, WORLD)


def test_the_fingerprint_knows_labels_and_not_paths() -> None:
    moved = [replace(r, clip=replace(r.clip, path="/b")) for r in reversed(WORLD)]
    assert fingerprint(moved) == fingerprint(WORLD)
    first, *others = WORLD
    changed = [
        replace(first, labels=("cat",)),
        replace(first, licence="CC BY 4.0"),
        replace(first, onsets=(("rain", 0.5, 1.0),)),
        replace(first, speaker="anna"),
        replace(first, split="test"),
        replace(first, clip=replace(first.clip, duration_s=9.0)),
        replace(first, clip=replace(first.clip, sha256="f" * 64)),
    ]
    found = {fingerprint([one, *others]) for one in changed}
    assert len(found | {fingerprint(WORLD)}) == len(changed) + 1


def test_seeds_do_not_touch_global_state() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr]
    items_of("identify", 5)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr]
