"""Families about staged scenes: their answers follow from the facts of the clip alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest
from composed_oracles import COMPOSED
from staged_world import staged_pool
from text_only_check import chance_fits

from harken.facts import SourceFacts
from harken.item import SKILL, Item
from harken.synth.make import FAMILIES, draw, redraw
from harken.synth.skills import TIMED

N = 96
SEVERAL_CLIPS = ("stream", "dialogue")
"""They have tests of their own."""
STAGED = [
    name
    for name in FAMILIES
    if FAMILIES.is_built_in(name)
    and FAMILIES.get(name).made_with == "scenes"
    and name not in SEVERAL_CLIPS
]
OPEN_STAGED = ("prefer", "meeting", "present-absent", "difference")
CLOSED_STAGED = [name for name in STAGED if name not in OPEN_STAGED]


@cache
def items(family: str, n: int = N, seed: int = 0) -> tuple[Item, ...]:
    found = tuple(draw(staged_pool(), "train", family, n, seed))
    assert len(found) == n
    return found


def heard(item: Item) -> list[SourceFacts]:
    (facts,) = item.facts
    return sorted(facts.sources, key=lambda source: source.onset_s or 0.0)


def names(item: Item) -> list[str]:
    return [source.name or "" for source in heard(item)]


def query(item: Item) -> str:
    """What is asked about: the quoted name in the question."""
    found = re.findall(r'"([^"]+)"', item.question)
    assert len(found) == 1, item.question
    return str(found[0])


def own(item: Item) -> SourceFacts:
    (source,) = (source for source in heard(item) if source.name == query(item))
    return source


def length_s(source: SourceFacts) -> float:
    assert source.onset_s is not None and source.offset_s is not None
    return source.offset_s - source.onset_s


def neighbour(item: Item) -> set[str]:
    order = names(item)
    step = 1 if re.search(r"\bafter\b|follows|next", item.question) else -1
    step = -1 if re.search(r"\bbefore\b", item.question) else step
    at = order.index(query(item)) + step
    return {order[at]} if 0 <= at < len(order) else set()


def within(item: Item) -> set[str]:
    source = own(item)
    spans = {one: [float(x) for x in re.findall(r"[\d.]+", one)] for one in item.choices}
    return {
        one
        for one, (begin_s, end_s) in spans.items()
        if begin_s <= (source.onset_s or 0.0) and (source.offset_s or 0.0) <= end_s
    }


def at_that_time(item: Item) -> set[str]:
    (time_s,) = (float(x) for x in re.findall(r"\d+\.\d", item.question))
    return {s.name or "" for s in heard(item) if (s.onset_s or 0) < time_s < (s.offset_s or 0)}


def by_length(item: Item) -> set[str]:
    if "about" not in item.answer:
        longest = max(length_s(source) for source in heard(item))
        return {s.name or "" for s in heard(item) if length_s(s) > longest / 1.2}
    nominal = dict(zip(item.choices, (0.5, 1.0, 2.0, 4.0), strict=True))
    asked = length_s(own(item))
    return {one for one, s in nominal.items() if abs(math.log2(asked / s)) < 0.5}


def together(item: Item) -> set[str]:
    x = own(item)
    return {
        s.name or ""
        for s in heard(item)
        if s is not x
        and min(s.offset_s or 0, x.offset_s or 0) > max(s.onset_s or 0, x.onset_s or 0)
    }


def side(source: SourceFacts) -> str:
    towards = {"from the front": 0, "from the left": 90, "from the right": -90, "from behind": 180}
    azimuth = source.azimuth_deg or 0.0

    def away(degrees: float) -> float:
        return abs((azimuth - degrees + 180) % 360 - 180)

    return min(towards, key=lambda one: away(towards[one]))


def sideways(item: Item) -> set[str]:
    if '"' in item.question:
        return {side(own(item))}
    (asked,) = (s for s in map(side, heard(item)) if s in item.question)
    return {source.name or "" for source in heard(item) if side(source) == asked}


def closer(item: Item) -> set[str]:
    first, second = (s.distance_m or 0.0 for s in heard(item) if s.name == query(item))
    return {item.choices[int(second < first)]}


def motion(item: Item) -> set[str]:
    plan = item.clips[0].plan
    assert plan is not None
    (part,) = (p for p in plan.parts if p.path[0].azimuth_deg == own(item).azimuth_deg)
    ends = [place.azimuth_deg > 0 for place in part.path]
    told = {
        (True, False): "it moves from left to right",
        (False, True): "it moves from right to left",
        (True,): "it stays on the left",
        (False,): "it stays on the right",
    }
    return {told[tuple(ends)]}


def voices(item: Item) -> set[str]:
    order = [source.speaker for source in heard(item)]
    if item.choices == ("yes", "no"):
        return {"yes" if order[0] in order[1:] else "no"}
    return {str(len(set(order)))}


def there(item: Item) -> set[str]:
    return {"yes" if query(item) in names(item) else "no"}


def or_none(item: Item) -> set[str]:
    (none,) = (one for one in item.choices if one == "none of these" or "not heard" in one)
    if none == "none of these":
        return {one for one in item.choices if one in names(item)} or {none}
    return neighbour(item) if query(item) in names(item) else {none}


def begins(item: Item) -> set[str]:
    times = {f"at {s.onset_s:.1f} s" for s in heard(item) if s.name == query(item)}
    return times or {"never"}


ORACLES: dict[str, Callable[[Item], set[str]]] = {
    "before-after": neighbour,
    "in-order": lambda item: {", then ".join(names(item))} & {*item.choices},
    "when": within,
    "at-time": at_that_time,
    "duration": by_length,
    "count-events": lambda item: {str(names(item).count(query(item)))},
    "overlap": together,
    "direction": sideways,
    "nearer": closer,
    "moves": motion,
    "speakers": voices,
    "absent": there,
    "unanswerable": or_none,
    **COMPOSED,
    "say-when": begins,
}


@pytest.mark.parametrize("family", CLOSED_STAGED)
def test_exactly_one_choice_follows_from_the_facts(family: str) -> None:
    for item in items(family):
        right = ORACLES[item.tags[-1] if family == "twins" else family](item)
        assert right & {*item.choices} == {item.answer}, (item.question, item.facts)
        assert len(item.choices) == len({*item.choices})


@pytest.mark.parametrize("family", ["before-after", "at-time", "duration", "overlap", "in-order"])
def test_wrong_choices_are_in_the_scene_too(family: str) -> None:
    for item in items(family):
        if not item.choices[0].startswith("about"):
            assert all({*one.split(", then ")} <= {*names(item)} for one in item.choices)


@pytest.mark.parametrize("family", STAGED)
def test_the_same_seed_gives_the_same_items_and_a_plan_gives_its_item(family: str) -> None:
    again = tuple(draw(staged_pool(), "train", family, 12, 0))
    assert again == items(family)[:12]
    assert {*items(family, 12, 1)}.isdisjoint(again)
    for item in again:
        assert redraw(item.plan, staged_pool()) == item
        assert item.split == "train" and {*item.recordings} <= {
            recording.id for recording in staged_pool().recordings
        }


@pytest.mark.parametrize("family", CLOSED_STAGED)
def test_every_position_and_every_length_is_right_as_often_as_chance_has_it(family: str) -> None:
    """Positions by number of choices; and the longest option, with the point shared by ties."""
    offered: Counter[tuple[int, int]] = Counter()
    right: Counter[tuple[int, int]] = Counter()
    longest = expected = variance = 0.0
    for item in items(family):
        size, most = len(item.choices), max(map(len, item.choices))
        offered.update((size, place) for place in range(size))
        right[size, item.gold] += 1
        ties = [one for one in item.choices if len(one) == most]
        longest += (item.answer in ties) / len(ties)
        expected += 1 / size
        variance += (size - 1) / size**2
    for (size, place), n in offered.items():
        off = right[size, place] - n / size
        assert abs(off) < 4 * (n * (size - 1)) ** 0.5 / size, (size, place, right)
    assert abs(longest - expected) < 4 * variance**0.5


@pytest.mark.parametrize("family", STAGED)
def test_reasoning_that_is_said_to_be_timed_has_times(family: str) -> None:
    own = FAMILIES.get(family)
    for item in items(family)[:12]:
        assert [f"{SKILL}{name}" in item.tags for name in own.skills] == [True] * len(own.skills)
        assert (TIMED in item.tags) is own.timed_reasoning
        stated = {float(x) for x in re.findall(r"\d+\.\d", item.rationales[0])}
        onsets = {float(f"{s.onset_s:.1f}") for facts in item.facts for s in facts.sources}
        assert not own.timed_reasoning or stated & onsets


@pytest.mark.parametrize("family", STAGED)
def test_an_item_says_what_must_be_heard(family: str) -> None:
    for item in items(family):
        need, (facts, *more) = item.need, item.facts
        assert need is not None
        if more:  # no stretch of one clip suffices
            assert need.caption_proof is not None and need.window_s is None
            continue
        assert need.clip_s == facts.duration_s
        assert need.window_s is not None and 0 < need.window_s <= facts.duration_s
        assert need.caption_proof is not None
        if family in ("absent", "count-events"):
            some = family == "absent" and item.answer == "yes"
            assert (need.share == 1.0) is not some


def test_captions_answer_what_is_there_and_not_when() -> None:
    proof = {name: [i.need.caption_proof for i in items(name) if i.need] for name in STAGED}
    assert not any(proof["absent"])
    for name in ("before-after", "in-order", "when", "at-time", "duration", "overlap", "direction"):
        # Of two choices about three events, both are in the scene; so it is for more.
        assert all(proof[name]), name
    for item in items("unanswerable"):
        if "none of these" in item.choices or "unanswerable" in item.tags:
            assert item.need is not None and not item.need.caption_proof


def test_absent_names_are_drawn_in_three_ways_whatever_the_answer() -> None:
    counts = Counter((item.tags[-1], item.answer) for item in items("absent"))
    assert set(counts) == {
        (f"absent-{way}", answer)
        for way in ("random", "popular", "adversarial")
        for answer in ("yes", "no")
    }
    for way in ("random", "popular", "adversarial"):
        yes, no = counts[f"absent-{way}", "yes"], counts[f"absent-{way}", "no"]
        assert yes + no == N // 3 and abs(yes - no) < 4 * (N // 3) ** 0.5


def test_a_quarter_of_the_unanswerable_has_no_answer_and_length_does_not_tell() -> None:
    none = [item for item in items("unanswerable") if "unanswerable" in item.tags]
    assert 0.1 < len(none) / N < 0.4
    lengths: dict[bool, set[tuple[str, float | None]]] = {True: set(), False: set()}
    for item in items("unanswerable"):
        lengths["unanswerable" in item.tags].add((item.tags[4], item.clips[0].duration_s))
    assert lengths[True] == lengths[False]


def test_twins_differ_in_audio_and_answer_alone() -> None:
    found = items("twins")
    pairs = list(zip(found[::2], found[1::2], strict=True))
    assert len({one.twins for one, _ in pairs}) == N // 2
    for one, other in pairs:
        assert one.twins == other.twins != ""
        assert (one.question, one.choices) == (other.question, other.choices)
        assert one.answer != other.answer and one.clips != other.clips
    assert len({item.tags[-1] for item in found}) == 5


def test_a_preference_differs_by_one_name_that_is_not_heard() -> None:
    places = Counter()
    for item in items("prefer"):
        true, worse = item.answer.split(", "), item.rejected.split(", ")
        assert true == names(item)
        (at,) = (n for n in range(3) if true[n] != worse[n])
        assert worse[at] not in names(item)
        places[at] += 1
    assert set(places.values()) == {N // 3}


def test_every_way_of_a_design_comes_equally_often() -> None:
    layouts = Counter(item.facts[0].layout for item in items("direction"))
    assert set(layouts) == {"stereo", "binaural", "foa"} and set(layouts.values()) == {N // 3}
    parts = Counter(item.choices for item in items("when"))
    assert len(parts) == 4 and set(parts.values()) == {N // 4}
    assert set(Counter(item.tags[-1] for item in items("duration")).values()) == {N // 2}


@pytest.mark.parametrize("family", CLOSED_STAGED)
def test_a_text_only_linear_model_is_at_chance(family: str) -> None:
    assert chance_fits(items(family, N, 1), items(family))


@pytest.mark.slow
@pytest.mark.parametrize("family", CLOSED_STAGED)
def test_a_text_only_linear_model_is_at_chance_on_many_items(family: str) -> None:
    assert chance_fits(items(family, 1500, 3), items(family, 1500, 4))


def test_a_leak_is_found_by_the_same_check() -> None:
    """The check fails where the text does give the answer away."""
    learn, ask = (
        tuple(Item(i.question, i.choices[0], i.choices, i.clips) for i in items("when", N, seed))
        for seed in (1, 0)
    )
    assert not chance_fits(learn, ask)


def test_what_a_corpus_cannot_stage_is_told() -> None:
    from harken.synth.pool import RecordingPool

    few = RecordingPool(
        [r for r in staged_pool().recordings if r.labels[0] in ("cat", "rooster")], "train"
    )
    for name in STAGED:
        reason = FAMILIES.get(name).lacks(few)
        assert ("needed" in reason) is (name not in ("count-events", "nearer", "twins")), name
