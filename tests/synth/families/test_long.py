"""Families about long scenes: answers follow from the facts; the verifier agrees; windows alone."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import soundfile
from staged_world import staged_pool
from text_only_check import chance_fits

from harken.audio.load import clear_cache, load, render
from harken.audio.single import span
from harken.errors import ConfigError
from harken.item import Item
from harken.shards.embed import embedded
from harken.synth.long import PARTS, clock
from harken.synth.make import draw, families_of, redraw
from harken.synth.staging import Staging
from harken.synth.verify.described import description_faults
from harken.synth.verify.lexicon import Lexicon

N = 24
LONG = families_of(["long"])
CLOSED_LONG = [name for name in LONG if name != "summary"]
SETTINGS = Staging(long_s=(60.0, 120.0, 600.0))
MINUTES, HOURS = Staging(long_s=(60.0,)), Staging(long_s=(3600.0,))


@cache
def items(family: str, n: int = N, seed: int = 0, settings: Staging = SETTINGS) -> tuple[Item, ...]:
    found = tuple(draw(staged_pool(), "train", family, n, seed, settings))
    assert len(found) == n
    return found


def seconds(text: str) -> float:
    minutes, rest = text.split(":")
    return 60 * int(minutes) + float(rest)


def order(item: Item) -> list[str]:
    return list(dict.fromkeys(source.name or "" for source in item.facts[0].sources))


def at_that_time(item: Item) -> set[str]:
    (time,) = re.findall(r"\d+:\d\d\.\d", item.question)
    heard = item.facts[0].sources
    return {
        s.name or "" for s in heard if (s.onset_s or 0) < seconds(time) < (s.offset_s or 0)
    }  # fmt: skip


def part_of(item: Item) -> set[str]:
    (x,) = re.findall(r'"([^"]+)"', item.question)
    times = [s.onset_s or 0.0 for s in item.facts[0].sources if s.name == x]
    found = set()
    for one in item.choices:
        begin_s, end_s = (seconds(text) for text in re.findall(r"\d+:\d\d", one))
        if all(begin_s <= time < end_s for time in times):
            found.add(one)
    return found


ORACLES: dict[str, Callable[[Item], set[str]]] = {
    "needle": at_that_time,
    "sub-scene": part_of,
    "segment-order": lambda item: {", then ".join(order(item))},
}


@pytest.mark.parametrize("family", CLOSED_LONG)
def test_exactly_one_choice_follows_from_the_facts(family: str) -> None:
    for item in items(family):
        assert ORACLES[family](item) & {*item.choices} == {item.answer}, item.question
        assert len({*item.choices}) == PARTS


@pytest.mark.parametrize("family", LONG)
def test_items_come_again_and_their_texts_have_no_fault(family: str) -> None:
    again = tuple(draw(staged_pool(), "train", family, 6, 0, SETTINGS))
    assert again == items(family)[:6]
    for item in again:
        assert redraw(item.plan, staged_pool()) == item
        lexicon = Lexicon(order(item))
        assert not description_faults(item.rationales[0], item.facts, lexicon)
        assert item.need is not None and item.need.caption_proof
        assert 0 < (item.need.window_s or 0) <= (item.need.clip_s or 0)
    lengths = Counter(item.clips[0].duration_s for item in items(family))
    assert lengths == dict.fromkeys(SETTINGS.long_s, N // 3)


def test_a_summary_is_true_and_the_rejected_one_is_not() -> None:
    for item in items("summary"):
        lexicon = Lexicon(order(item))
        assert not description_faults(item.answer, item.facts, lexicon)
        assert description_faults(item.rejected, item.facts, lexicon)
        names = re.findall(r'"([^"]+)"', item.answer)
        assert names == order(item)
        told = dict(re.findall(r'"([^"]+)" is heard (\w+)', item.answer))
        for name, count in Counter(s.name or "" for s in item.facts[0].sources).items():
            assert told[name] == {1: "once", 2: "twice"}.get(count, str(count))


def test_a_needle_is_often_another_sound_than_that_of_its_part() -> None:
    other = 0
    for item in items("needle"):
        (time,) = re.findall(r"\d+:\d\d\.\d", item.question)
        part_s = (item.clips[0].duration_s or 0) / PARTS
        part = int(seconds(time) // part_s)
        inside = [
            s.name for s in item.facts[0].sources if part <= (s.onset_s or 0) / part_s < part + 1
        ]
        other += Counter(inside).most_common(1)[0][0] != item.answer
    assert 0.4 < other / N < 0.95


@pytest.mark.parametrize("family", CLOSED_LONG)
def test_a_text_only_linear_model_is_at_chance(family: str) -> None:
    assert chance_fits(items(family, 120, 1, MINUTES), items(family, 120, 2, MINUTES))


def test_a_window_of_an_hour_costs_what_is_heard_in_it() -> None:
    (item,) = items("needle", 1, 0, HOURS)
    plan = item.clips[0].plan
    assert plan is not None
    source = item.facts[0].sources[-1]
    begin_s = round((source.onset_s or 0.0) - 1.0, 3)
    clear_cache()
    tracemalloc.start()
    window = render(plan, begin_s, 4.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # the hour is 230 MB of float32
    first = int(np.flatnonzero(np.abs(window) > 0.02 * np.abs(window).max())[0])
    assert first / 16_000 == pytest.approx(1.0, abs=0.02)
    assert np.array_equal(load(span(item.clips[0], begin_s, 4.0)), window)


def test_an_embedded_scene_is_the_rendered_one_and_never_as_a_whole_in_memory() -> None:
    (item,) = items("needle", 1, 0, Staging(long_s=(600.0,)))
    clear_cache()
    tracemalloc.start()
    found = embedded(item.clips[0], True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None and peak < 40e6  # ten minutes of float64 are 77 MB, of float32 38
    clip, data = found
    assert clip.duration_s == 600.0 and clip.origin == item.clips[0].key
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        file.seek(16_000 * 300)
        part = file.read(16_000 * 60)
    assert np.allclose(part, load(span(item.clips[0], 300.0, 60.0)), atol=2 / 32768)


def test_clocks_are_minutes_and_seconds() -> None:
    assert [clock(1390.4), clock(59.96), clock(5.0), clock(900.0, 0)] == [
        *("23:10.4", "1:00.0", "0:05.0", "15:00"),
    ]


def test_scenes_of_less_than_a_minute_are_no_long_ones() -> None:
    with pytest.raises(ConfigError, match="long scenes of"):
        Staging(long_s=(30.0,))
    with pytest.raises(ConfigError):
        Staging(long_s=())
    assert Staging().to_dict() == {} and SETTINGS.to_dict() == {"long_s": [60.0, 120.0, 600.0]}
