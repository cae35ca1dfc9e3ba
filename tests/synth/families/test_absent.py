"""absent and present-absent: what suggests a sound that is not there; targets of both kinds."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from staged_world import staged_pool

from harken.synth.families.absent import companions
from harken.synth.make import draw
from harken.synth.pool import RecordingPool


def together() -> RecordingPool:
    """The pool with recordings in which siren is heard with piano, rain and a dog."""
    pool = staged_pool()
    siren = [r for r in pool.recordings if r.labels == ("siren",)]
    piano = [r for r in pool.recordings if r.labels == ("piano",)]
    added = [
        *(("siren", "piano"),) * 3,
        *(("siren", "rain"),) * 2,
        ("siren", "dog bark"),
    ]
    mixed = [
        replace(
            (siren + piano)[n],
            id=f"mixed-{n}",
            clip=replace((siren + piano)[n].clip, sha256=f"{n:064d}"),
            labels=labels,
        )
        for n, labels in enumerate(added)
    ]
    return RecordingPool([*pool.recordings, *mixed], "train")


def test_sounds_are_heard_together_as_often_as_recordings_say() -> None:
    pool = together()
    assert companions(pool, "siren") == ("piano", "rain", "dog bark")  # 3, 2 and 1 recordings
    assert companions(pool, "rain") == ("siren",)
    assert companions(pool, "cat") == () == companions(staged_pool(), "siren")


def test_adversarial_events_are_those_that_are_heard_together_with_it() -> None:
    found = Counter()
    for item in draw(together(), "train", "absent", 960, 0):
        values = item.plan["values"]
        if values["way"] != "adversarial" or values["query"] != "siren":
            continue
        names = {source.name for source in item.facts[0].sources}
        assert names - {"siren"} <= {"piano", "rain", "dog bark"}
        assert len(names) == 3 and ("siren" in names) is (item.answer == "yes")
        found[item.answer, *sorted(names - {"siren"})] += 1
    assert found["no", "dog bark", "piano", "rain"] > 0
    assert len([key for key in found if key[0] == "yes"]) > 1  # any of the three is left out


def test_present_and_absent_are_the_names_that_are_listed() -> None:
    numbers = Counter()
    for item in draw(staged_pool(), "train", "present-absent", 96, 0):
        heard = {source.name for source in item.facts[0].sources}
        assert len(heard) == 3  # whatever the answer
        names = re.findall(r'"([^"]+)"', item.question)
        assert len({*names}) == 4
        present = [name for name in names if name in heard]
        missing = [name for name in names if name not in heard]
        form = item.tags[-1]
        right = {
            "present": ", ".join(present),
            "absent": ", ".join(missing),
            "both": f"heard: {', '.join(present)}; not heard: {', '.join(missing)}",
        }
        assert item.answer == right[form]
        said = item.rejected.removeprefix("heard: ").split("; not heard: ")[0].split(", ")
        own = missing if form == "absent" else present
        assert len(said) == len(own) and len({*said} - {*own}) == 1
        assert said == [name for name in names if name in said]
        numbers[form, len(present)] += 1
    assert {n for _, n in numbers} == {1, 2, 3}
    assert all(abs(n - 96 / 9) < 4 * (96 * 8 / 81) ** 0.5 for n in numbers.values())
