"""stream: pieces of one recording in turns; the last one is asked about, by its own facts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from staged_world import staged_pool
from text_only_check import chance_fits

from harken.ask.prompt import make_prompt, prompt_text
from harken.audio.load import load, render
from harken.facts import ClipFacts, SourceFacts, TimedWord
from harken.item import Item
from harken.models.base import style_of
from harken.models.text_only.longest import Longest
from harken.synth.families.stream import within
from harken.synth.make import draw, redraw

N = 96


def items(n: int = N, seed: int = 0) -> list[Item]:
    found = list(draw(staged_pool(), "train", "stream", n, seed))
    assert len(found) == n
    return found


def test_the_answer_is_what_the_last_piece_holds_and_earlier_replies_were_right() -> None:
    for item in items():
        query = item.plan["values"]["query"]
        heard = [[source.name for source in facts.sources] for facts in item.facts]
        assert all(len(names) == 1 for names in heard)
        assert [query] not in heard[:-1]
        assert item.answer == ("now" if heard[-1] == [query] else "not yet")
        assert item.dialogue is not None
        assert [turn.reply for turn in item.dialogue.earlier] == ["not yet"] * (len(heard) - 1)
        assert query in (item.dialogue.earlier or [item])[0].question
        assert redraw(item.plan, staged_pool()) == item == Item.from_dict(item.to_dict())


def test_pieces_are_windows_of_one_scene() -> None:
    item = next(one for one in items() if len(one.clips) == 3)
    plan = item.clips[0].plan
    assert plan is not None and len({clip.key for clip in item.clips}) == 3
    whole = render(plan)
    assert np.array_equal(np.concatenate([load(clip) for clip in item.clips]), whole)
    for clip, facts in zip(item.clips, item.facts, strict=True):
        (source,) = facts.sources
        sound = load(clip)
        onset = int(np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())[0])
        assert source.onset_s == pytest.approx(onset / 16_000, abs=0.01)


def test_the_prompt_has_a_turn_for_each_piece() -> None:
    item = next(one for one in items() if len(one.clips) == 3)
    lines = prompt_text(make_prompt(item, style_of(Longest()))).splitlines()
    assert [line for line in lines if line.startswith("<")] == [
        *("<clip 1>", "<reply> not yet", "<clip 2>", "<reply> not yet", "<clip 3>"),
    ]


def test_number_and_length_of_pieces_are_balanced_and_say_nothing() -> None:
    found = items()
    shapes = Counter((len(item.clips), item.clips[0].duration_s) for item in found)
    assert len(shapes) == 8 and set(shapes.values()) == {N // 8}
    for pieces in range(1, 5):
        now = [item.answer == "now" for item in found if len(item.clips) == pieces]
        assert 0.2 < np.mean(now) < 0.8


def test_a_text_only_linear_model_that_reads_all_turns_is_at_chance() -> None:
    assert chance_fits(items(200, 1), items(200, 2))


def test_facts_of_a_stretch_have_its_own_times() -> None:
    word = TimedWord("one", 4.5, 5.0)
    sources = (
        SourceFacts("sound", "rain", 1.0, 2.0),
        SourceFacts("speech", "one", 4.5, 5.0, transcript="one", words=(word,)),
        SourceFacts("sound", "siren", 5.5, 6.5),
    )
    found = within(ClipFacts(sources, 9.0, layout="mono"), 3.0, 3.0)
    assert found.duration_s == 3.0 and found.layout == "mono"
    assert [(s.label, s.onset_s, s.offset_s) for s in found.sources] == [
        ("one", 1.5, 2.0),
        ("siren", 2.5, 3.0),
    ]
    assert found.sources[0].words == (TimedWord("one", 1.5, 2.0),)
