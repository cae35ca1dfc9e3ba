"""over-refusal: one question, two scenes, and an answer in one of them."""

from __future__ import annotations

from collections import Counter

from staged_world import staged_pool

from harken.ask.parse import is_refusal
from harken.item import Item
from harken.synth.families.over_refusal import UNTOLD
from harken.synth.make import draw

ITEMS = tuple(draw(staged_pool(), "train", "over-refusal", 96, 0))


def pairs() -> list[tuple[Item, Item]]:
    return list(zip(ITEMS[::2], ITEMS[1::2], strict=True))


def test_one_of_a_pair_has_an_answer_and_all_else_is_equal() -> None:
    for one, other in pairs():
        assert (one.question, one.choices, one.twins) == (
            other.question,
            other.choices,
            other.twins,
        )
        assert {one.answer, other.answer} == {*one.choices} and UNTOLD in one.choices
        assert one.clips[0].duration_s == other.clips[0].duration_s == 12.0
        assert one.clips != other.clips
    assert len({item.twins for item in ITEMS}) == 48


def test_always_and_never_declining_are_right_in_half_and_in_no_pair() -> None:
    always = [item.answer == UNTOLD for item in ITEMS]
    assert sum(always) == 48  # of 96; who never declines is right in the other 48 at most
    assert all(one != other for one, other in zip(always[::2], always[1::2], strict=True))
    first = sum(always[::2])
    assert abs(first - 24) < 4 * 12**0.5  # which of a pair it is, is chance


def test_what_declines_is_read_as_abstaining() -> None:
    assert is_refusal(UNTOLD) and is_refusal(UNTOLD.capitalize() + ".")


def test_ways_and_wary_wordings_come_equally_often_with_both_answers() -> None:
    counts = Counter((i.tags[5], i.tags[6], i.tags[7]) for i in ITEMS)
    assert len(counts) == 3 * 2 * 2 and set(counts.values()) == {8}
    for item in ITEMS:
        assert ("wary" in item.tags) is any(
            hint in item.question for hint in ("impossible", "doubt", "Nobody", "Without")
        )


def test_a_caption_tells_only_what_is_missing() -> None:
    for item in ITEMS:
        assert item.need is not None
        missing = "untold-missing" in item.tags and item.answer == UNTOLD
        assert item.need.caption_proof is not missing
        names = [source.name for source in item.facts[0].sources]
        if item.need.share == 1.0:
            continue
        # X and what follows it, or both of X with what follows them: events are in slots of 3 s.
        slots = 2 if item.answer != UNTOLD else len(names)
        assert (slots - 2) * 3 < (item.need.window_s or 0.0) < slots * 3
