"""Skills: every family says what it trains, items carry it, and families are found by it."""

from __future__ import annotations

import re

import pytest
from labelled_sounds import world

from harken.cli.synth import NO_TEST
from harken.errors import ConfigError
from harken.item import SKILL
from harken.synth.make import FAMILIES, GROUPS, draw, families_for, families_of
from harken.synth.pool import RecordingPool
from harken.synth.skills import SKILLS, TIMED
from paths import REPO


def test_every_family_has_a_skill_but_controls_and_practice() -> None:
    own = {name: FAMILIES.get(name).skills for name in FAMILIES}
    assert {name for name, skills in own.items() if not skills} == {*NO_TEST}
    assert {skill for skills in own.values() for skill in skills} == {*SKILLS}
    assert all(len({*skills}) == len(skills) for skills in own.values())


def test_the_guide_lists_the_families_of_every_skill() -> None:
    guide = (REPO / "docs" / "guide.md").read_text()
    table = guide[guide.index("### Skills") : guide.index("## Items of your own")]
    rows = re.findall(r"^\| `([\w-]+)`[^|]*\| (`.*) \|$", table, re.M)
    told = {skill: re.findall(r"`([\w-]+)`", names) for skill, names in rows}
    assert told == {
        skill: [name for name in FAMILIES if skill in FAMILIES.get(name).skills] for skill in SKILLS
    }


def test_families_are_found_by_skill() -> None:
    found = families_for(["counting"])
    assert {"count", "count-events", "compose", "metre"} <= {*found}
    assert all("counting" in FAMILIES.get(name).skills for name in found)
    assert families_for(["temporal", "counting"], ["recordings"]) == ("first", "count", "order")
    every = {*families_for([*SKILLS], GROUPS)}
    assert every == {*families_of(GROUPS)} - {*NO_TEST}
    with pytest.raises(ConfigError, match="unknown skill 'time'"):
        families_for(["time"])
    with pytest.raises(ConfigError, match="none of music trains speech-context"):
        families_for(["speech-context"], ["music"])


def test_items_say_what_they_train_and_whether_their_reasoning_has_times() -> None:
    pool = RecordingPool(world(["train"]), "train")
    (one,) = draw(pool, "train", "count", 1, 0)
    assert f"{SKILL}counting" in one.tags and TIMED not in one.tags
    assert FAMILIES.get("compose").timed_reasoning
