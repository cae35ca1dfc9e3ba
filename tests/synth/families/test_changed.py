"""changed and difference: two clips that differ by one change, at the level that is told."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from composed_oracles import heard_names, in_time
from staged_world import staged_pool

from harken.audio.load import render
from harken.item import Item
from harken.synth.changes import LEVELS_DB
from harken.synth.make import draw, redraw
from harken.synth.scenes.spec import surroundings_from
from harken.synth.staging import Staging

ORDINALS = ("first", "second", "third", "fourth")


@cache
def items(family: str, n: int = 96) -> tuple[Item, ...]:
    return tuple(draw(staged_pool(), "train", family, n, 0))


def sounds(item: Item) -> list[np.ndarray]:
    found = []
    for clip in item.clips:
        assert clip.plan is not None
        found.append(np.asarray(render(clip.plan), np.float64))
    return found


def test_the_same_takes_differ_by_the_added_sound_alone_at_its_level() -> None:
    checked = Counter()
    for item in items("changed"):
        values = item.plan["values"]
        if values["kind"] != "sound" or values["takes"] != "same" or values["form"] == "replaced":
            continue
        more = values["right"] % 2
        loud, quiet = sounds(item)[more], sounds(item)[1 - more]
        rest = loud - quiet
        rows = [values["scenes"][n]["events"] for n in (more, 1 - more)]
        (added,) = (row for row in rows[0] if row["at_s"] not in [own["at_s"] for own in rows[1]])
        begin, end = (round(16_000 * time) for time in added["heard"])
        assert np.abs(rest[: begin - 200]).max(initial=0.0) < 1e-3
        assert np.abs(rest[end + 400 :]).max(initial=0.0) < 1e-3
        host = max(
            (row for row in rows[1] if row["at_s"] <= added["at_s"]), key=lambda r: r["at_s"]
        )
        own, under = (round(16_000 * host["heard"][0]), round(16_000 * host["heard"][1]))
        over_db = 10 * np.log10(np.mean(rest[begin:end] ** 2) / np.mean(quiet[own:under] ** 2))
        assert over_db == pytest.approx(values["level_db"], abs=0.2)
        checked[values["level_db"]] += 1
    assert set(checked) == {*LEVELS_DB}


def test_every_change_comes_equally_often_and_each_option_is_right_as_chance_has_it() -> None:
    assert set(Counter(item.tags[-1] for item in items("changed")).values()) == {32}
    assert set(Counter(item.tags[-1] for item in items("difference")).values()) == {24}
    right = Counter(item.gold for item in items("changed"))
    assert all(abs(right[n] - 24) < 4 * 18**0.5 for n in range(4))


def test_wrong_options_name_what_both_clips_have_or_the_other_clip() -> None:
    for item in items("changed"):
        names = [heard_names(facts) for facts in item.facts]
        for option in item.choices:
            for name in re.findall(r'"([^"]+)"', option):
                assert name in names[0] + names[1]
        lengths = [len(own) for own in names]
        assert abs(lengths[0] - lengths[1]) == (0 if item.tags[-1] == "replaced" else 1)


def test_words_of_a_clip_have_one_voice_and_other_takes_another() -> None:
    for item in (*items("changed"), *items("difference")):
        if item.plan["values"]["kind"] != "word":
            continue
        voices = [{source.speaker for source in facts.sources} for facts in item.facts]
        assert len(voices[0]) == len(voices[1]) == 1
        assert (voices[0] == voices[1]) is ("same-takes" in item.tags)
        for facts in item.facts:
            ends = [(source.onset_s or 0, source.offset_s or 0) for source in in_time(facts)]
            gaps = [b[0] - a[1] for a, b in pairwise(ends)]
            assert gaps == pytest.approx([0.15] * len(gaps), abs=0.002)


def test_a_told_difference_is_that_of_the_facts() -> None:
    for item in items("difference"):
        one, other = (heard_names(facts) for facts in item.facts)
        told, both = item.answer.rsplit(" Both have ", 1)
        names = re.findall(r'"([^"]+)"', told)
        shared = re.findall(r'"([^"]+)"', both)
        if item.tags[-1] == "none":
            assert one == other == shared and not names
        elif item.tags[-1] == "replaced":
            at = ORDINALS.index(told.split()[1])
            clips = [int(n) - 1 for n in re.findall(r"clip (\d)", told)]
            assert [(one, other)[n][at] for n in clips] == names
            assert one[:at] + one[at + 1 :] == other[:at] + other[at + 1 :] == shared
        else:
            (clip,) = (int(n) - 1 for n in re.findall(r"lip (\d)", told))
            longer, shorter = ((one, other), (other, one))[clip]
            assert sorted(longer) == sorted([*shorter, names[0]]) and shorter == shared
            assert (names[0] in shorter) is ("once more" in told)
            if number := re.search(r"as word (\d)", told):
                at = int(number[1]) - 1
                assert longer[at] == names[0] and longer[:at] + longer[at + 1 :] == shorter


def test_times_and_levels_that_are_told_are_those_of_the_facts() -> None:
    told = 0
    for item in items("difference"):
        if found := re.search(r'from ([\d.]+) to ([\d.]+) s, ([^"]+) "', item.answer):
            clip = int(re.findall(r"lip (\d)", item.answer)[0]) - 1
            x = re.findall(r'"([^"]+)"', item.answer)[0]
            spans = [
                (f"{s.onset_s:.1f}", f"{s.offset_s:.1f}")
                for s in item.facts[clip].sources
                if s.name == x
            ]
            assert (found[1], found[2]) in spans
            level = item.plan["values"]["level_db"]
            assert found[3] == {
                -5.0: "5 dB under", 0.0: "as loud as", 5.0: "5 dB over", 10.0: "10 dB over"
            }[level]  # fmt: skip
            told += 1
    assert told == 24  # half of the topics are sounds, half of the changes add one


@pytest.mark.parametrize("family", ["changed", "difference", "conflict", "compose", "over-refusal"])
def test_scenes_may_have_a_background_and_ask_the_same(family: str) -> None:
    behind = Staging(around=surroundings_from({"background": {"level": -45}}))
    plain = list(draw(staged_pool(), "train", family, 6, 0))
    for item, other in zip(draw(staged_pool(), "train", family, 6, 0, behind), plain, strict=True):
        assert redraw(item.plan, staged_pool()) == item
        assert (item.question, item.answer) == (other.question, other.answer)
        for facts, without in zip(item.facts, other.facts, strict=True):
            assert [s.name for s in facts.front] == [s.name for s in without.front]
            assert len(facts.sources) == len(facts.front) + 1
