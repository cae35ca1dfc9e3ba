"""compose: order with loudness, duration or number, and reasoning with times."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from composed_oracles import in_time
from staged_world import staged_pool

from harken.item import Item
from harken.synth.make import draw


@cache
def items() -> tuple[Item, ...]:
    return tuple(draw(staged_pool(), "train", "compose", 112, 0))


def test_questions_and_sides_come_equally_often() -> None:
    # Of words none is long enough to be cut to three lengths: seven designs, two sides.
    designs = Counter((i.tags[-1], i.tags[1], i.plan["values"]["side"]) for i in items())
    assert len(designs) == 14 and set(designs.values()) == {8}
    assert not any(form == "longest-of" and kind == "word" for form, kind, _ in designs)


def test_reasoning_tells_all_that_is_heard_with_its_time_and_ends_in_the_answer() -> None:
    for item in items():
        (text,) = item.rationales
        told = re.findall(r'([\d.]+) to ([\d.]+) s: "([^"]+)"', text)
        assert told == [
            (f"{s.onset_s:.1f}", f"{s.offset_s:.1f}", s.name) for s in in_time(item.facts[0])
        ]
        assert text.rstrip(".").endswith((f'"{item.answer}"', f"That is {item.answer}"))


def test_steps_name_what_is_on_the_side_that_is_asked_about() -> None:
    for item in items():
        if item.tags[-1] not in ("loudest-of", "longest-of"):
            continue
        names = [source.name for source in in_time(item.facts[0])]
        step = item.rationales[0].split(". ")[-2]
        x, *side = re.findall(r'"([^"]+)"', step)
        at = names.index(x)
        after = step.startswith("After")
        assert side == (names[at + 1 :] if after else names[:at]) and len(side) == 2
        assert (("after" if after else "before") in item.question) and item.answer in side


def test_a_window_holds_all_that_is_counted_or_compared() -> None:
    for item in items():
        sources = in_time(item.facts[0])
        assert item.need is not None and item.need.caption_proof
        if item.tags[-1] == "beside-loudest":
            assert item.need.share == 1.0
        elif item.tags[-1] == "between":
            ends = [s for s in sources if f'"{s.name}"' in item.question]
            span = (ends[1].offset_s or 0) - (ends[0].onset_s or 0)
            assert item.need.window_s == round(span, 4)
        else:
            own = sources[1:] if "after" in item.question else sources[:-1]
            assert item.need.window_s == round((own[-1].offset_s or 0) - (own[0].onset_s or 0), 4)
