"""voice-trait and same-trait: what a corpus says of a voice, one by one and in pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from labelled_sounds import EMOTIONS, world

from harken.synth.families.same_trait import usable
from harken.synth.make import FAMILIES, draw
from harken.synth.pool import RecordingPool, fingerprint

RECORDINGS = world(["train"])
POOL = RecordingPool(RECORDINGS, "train")
BY_ID = {recording.id: recording for recording in POOL.recordings}
SEXES = {"F": "a woman", "M": "a man"}


def test_the_pool_knows_recordings_by_trait() -> None:
    assert set(POOL.traits) == {"sex", "emotion"}
    assert set(POOL.traits["emotion"]) == {*EMOTIONS} and set(POOL.traits["sex"]) == {"F", "M"}
    angry = POOL.traits["emotion"]["angry"]
    assert len(angry) == sum(dict(r.traits).get("emotion") == "angry" for r in POOL.recordings)
    women = RecordingPool([r for r in RECORDINGS if r.sex == "F"], "train")
    assert set(women.traits) == {"emotion"}  # of one sex, nothing can be asked


def test_the_value_is_that_of_the_recording_and_all_are_right_equally_often() -> None:
    right: Counter[tuple[str, str]] = Counter()
    for item in draw(POOL, "train", "voice-trait", 240, 0):
        (recording,) = (BY_ID[name] for name in item.recordings)
        trait = item.tags[-1]
        known = SEXES[recording.sex] if trait == "sex" else dict(recording.traits)[trait]
        assert item.answer == known
        assert {*item.choices} == ({*SEXES.values()} if trait == "sex" else {*EMOTIONS})
        right[trait, item.answer] += 1
    assert sum(n for (trait, _), n in right.items() if trait == "sex") == 120
    assert all(abs(n - 60) < 4 * 30**0.5 for (trait, _), n in right.items() if trait == "sex")
    assert all(abs(n - 40) < 4 * 27**0.5 for (trait, _), n in right.items() if trait != "sex")


def test_pairs_have_two_speakers_and_two_texts_whatever_the_answer() -> None:
    answers: Counter[tuple[str, str]] = Counter()
    for item in draw(POOL, "train", "same-trait", 240, 0):
        one, other = (BY_ID[name] for name in item.recordings)
        assert one.speaker != other.speaker and one.transcript != other.transcript
        trait = item.tags[-1]
        same = one.sex == other.sex if trait == "sex" else one.traits == other.traits
        assert item.answer == ("yes" if same else "no")
        answers[trait, item.answer] += 1
    assert set(answers.values()) == {60}


def test_what_is_lacking_is_told_and_traits_are_part_of_what_a_plan_depends_on() -> None:
    plain = [replace(r, sex="", traits=()) for r in RECORDINGS]
    for name in ("voice-trait", "same-trait"):
        assert " needed" in FAMILIES.get(name).lacks(RecordingPool(plain, "train"))
    one_each = [r for r in RECORDINGS if r.speaker in ("train:anna", "train:bert")]
    pool = RecordingPool(one_each, "train")
    assert set(pool.traits) == {"emotion", "sex"} and set(usable(pool)) == {"emotion"}
    changed = [replace(RECORDINGS[-1], traits=(("emotion", "sad"),)), *RECORDINGS[:-1]]
    assert fingerprint(changed) != fingerprint(RECORDINGS) != fingerprint(plain)
