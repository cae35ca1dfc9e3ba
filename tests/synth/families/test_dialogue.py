"""dialogue: recordings in turns; the last question needs those of earlier turns, and no text."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from staged_world import staged_pool
from text_only_check import chance_fits

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip
from harken.audio.load import load
from harken.item import Item
from harken.models.base import Earlier, style_of
from harken.models.text_only.longest import Longest
from harken.synth.families.dialogue import KINDS, reply
from harken.synth.make import draw, redraw

N = 96
NTH = ("first", "second", "third")


@cache
def items(n: int = N, seed: int = 0) -> tuple[Item, ...]:
    found = tuple(draw(staged_pool(), "train", "dialogue", n, seed))
    assert len(found) == n
    return found


def names(item: Item) -> list[list[str]]:
    return [[source.name or "" for source in facts.sources] for facts in item.facts]


def nths(text: str) -> list[int]:
    return [NTH.index(word) for word in re.findall(r"\b(first|second|third)\b", text)]


def right(item: Item) -> set[str]:
    heard, kind = names(item), item.tags[-1]
    if kind == "which":
        (x,) = re.findall(r'"([^"]+)"', item.question)
        return {NTH[n] for n, own in enumerate(heard) if x in own}
    values = item.plan["values"]
    if kind == "back":
        assert {*nths(item.question)} == {values["nth"], values["place"]}
        return {heard[values["nth"]][values["place"]]}
    assert values["place"] in nths(item.question)
    return {"yes" if heard[0][values["place"]] in heard[-1] else "no"}


def test_exactly_one_choice_follows_from_the_facts_of_all_recordings() -> None:
    for item in items():
        assert right(item) & {*item.choices} == {item.answer}, (item.question, names(item))
        assert redraw(item.plan, staged_pool()) == item == Item.from_dict(item.to_dict())


def test_wrong_options_are_heard_too_and_one_of_the_first_sounds_is_always_again() -> None:
    for item in items():
        heard, kind = names(item), item.tags[-1]
        if kind == "back":
            assert {*item.choices} == {name for own in heard for name in own}
        if kind == "again":
            assert len({*heard[0]} & {*heard[-1]}) == 1
        assert len(item.recordings) == 2 * len(heard)


def test_each_recording_has_its_turn_and_no_reply_names_a_sound() -> None:
    for item in items():
        assert item.dialogue is not None
        prompt = make_prompt(item, style_of(Longest()))
        order = ["clip" if isinstance(p, Clip) else "reply" for p in prompt.parts
                 if isinstance(p, Clip | Earlier)]  # fmt: skip
        assert order == ["clip", "reply"] * (len(item.clips) - 1) + ["clip"]
        said = " ".join(f"{turn.question} {turn.reply}" for turn in item.dialogue.earlier)
        assert not any(name in said for own in names(item) for name in own if len(name) > 5)
        assert '"' not in said


@pytest.mark.parametrize(
    ("kind", "levels", "told"),
    [
        ("louder", (-1.0, -4.0), "the first"),
        ("louder", (-5.0, 0.0), "the second"),
        ("louder", (-1.0, -2.5), "they are about equally loud"),
        ("number", (0.0, 0.0), "two"),
        ("length", (0.0, 0.0), "6.0 s"),
    ],
)
def test_earlier_replies_are_true(kind: str, levels: tuple[float, float], told: str) -> None:
    scene = {"duration_s": 6.0, "events": [{"level_db": level} for level in levels]}
    assert reply(kind, scene) == told


def test_louder_is_louder_when_it_is_rendered() -> None:
    checked = 0
    for item in items():
        assert item.dialogue is not None
        for clip, facts, turn in zip(item.clips, item.facts, item.dialogue.earlier, strict=False):
            if "louder" in turn.question and turn.reply.startswith("the ") and checked < 6:
                sound = load(clip).astype(np.float64)
                level = [
                    float(np.mean(np.square(sound[round(16e3 * a) : round(16e3 * b)])))
                    for a, b in ((s.onset_s or 0, s.offset_s or 0) for s in facts.sources)
                ]
                assert turn.reply == ("the first" if level[0] > level[1] else "the second")
                checked += 1
    assert checked == 6


def test_kinds_and_numbers_are_balanced_and_need_is_said() -> None:
    assert Counter(item.tags[-1] for item in items()) == dict.fromkeys(KINDS, N // 3)
    assert {len(item.clips) for item in items()} == {2, 3}
    for item in items():
        assert item.need is not None
        assert item.need.caption_proof is (item.tags[-1] != "which")


def test_a_text_only_linear_model_that_reads_all_turns_is_at_chance() -> None:
    assert chance_fits(items(240, 1), items(240, 2))
