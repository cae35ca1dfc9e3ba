"""meeting: the answer follows from the facts of the clip; a right reply has no errors."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from staged_world import staged_pool

from harken.ask.speaker_turns import cp_errors, diarization, turns_in
from harken.evaluate.transcripts import MEETING, word_errors
from harken.item import Item
from harken.stats.bootstrap import Resampling
from harken.synth.families.meeting import OVERLAP_S, TURNS
from harken.synth.make import draw

N = 64


@cache
def items() -> tuple[Item, ...]:
    return tuple(draw(staged_pool(), "train", "meeting", N, 0))


def test_turns_are_those_of_the_facts_in_order() -> None:
    assert len(items()) == N
    for item in items():
        (facts,) = item.facts
        sources = sorted(facts.sources, key=lambda one: one.onset_s or 0.0)
        turns = turns_in(item.answer)
        assert [t.words for t in turns] == [s.transcript for s in sources]
        pairs = {(t.speaker, s.speaker) for t, s in zip(turns, sources, strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) >= 2
        assert list(dict.fromkeys(t.speaker for t in turns)) == [
            str(n) for n in range(1, len(pairs) + 1)
        ]
        for turn, source in zip(turns, sources, strict=True):
            if "when" in item.tags:
                assert turn.span is not None
                assert turn.span == pytest.approx((source.onset_s, source.offset_s), abs=0.051)
            else:
                assert turn.span is None
        assert facts.duration_s is not None and facts.duration_s >= (sources[-1].offset_s or 0.0)


def test_forms_turns_and_overlaps_are_spread() -> None:
    forms = Counter(tag for item in items() for tag in item.tags)
    assert abs(forms["who"] - forms["when"]) <= 2 and N / 4 < forms["overlap"] < 3 * N / 4
    turns = Counter(len(turns_in(item.answer)) for item in items())
    assert set(turns) == {*TURNS}
    for item in items():
        sources = sorted(item.facts[0].sources, key=lambda one: one.onset_s or 0.0)
        gaps = [(b.onset_s or 0) - (a.offset_s or 0) for a, b in pairwise(sources)]
        assert min(gaps) > -OVERLAP_S - 0.02 if "overlap" in item.tags else min(gaps) > 0


def test_a_right_reply_has_no_errors_and_one_voice_has_some() -> None:
    timed = next(item for item in items() if "when" in item.tags)
    gold = turns_in(timed.answer)
    assert cp_errors(gold, gold)[0] == 0 and diarization(gold, gold).rate == 0.0
    one = [turn.words for turn in gold]
    assert cp_errors(gold, turns_in("speaker 1: " + " ".join(one)))[0] > 0


def test_evaluations_give_cpwer() -> None:
    """By hand: of six words, one of the second speaker is given to the first: 2 errors."""
    answer = "speaker 1: a b c\nspeaker 2: d e f"
    line = {"task": MEETING, "choices": [], "answer": answer, "condition": "audio", "item": "i",
            "outcome": "wrong"}  # fmt: skip
    records = [{**line, "reply": "speaker 2: a b c d\nspeaker 1: e f"}]
    resampling = Resampling([0])
    found = word_errors(records, {"i": 0}, resampling, MEETING)["audio"]
    assert (found["wer"], found["errors"], found["words"]) == (pytest.approx(2 / 6), 2, 6)
    assert word_errors(records, {"i": 0}, resampling) == {}
