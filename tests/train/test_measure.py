"""Sizes of examples, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harken import files
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.runs import Run
from harken.train.check import check_items
from harken.train.measure import (
    Measure,
    measure,
    prompts_in,
    summary,
    summary_text,
    tell_room,
    write_measures,
)
from harken.train.parallel import Follower
from harken.train.preferences import TokenizedPair
from made_items import make


def prompt(tokens: int, answer: int, *clips: int) -> TokenizedPrompt:
    inputs = tuple(AudioInput(np.zeros((n, 1), np.float32), n) for n in clips)
    return TokenizedPrompt(tuple(range(tokens)), (), inputs, answer)


def test_sizes_by_hand() -> None:
    item = make(0)
    assert measure([item], prompt(20, 3, 5, 6)) == Measure(item.id, 20, 2, 11, 3)
    assert measure([item], (prompt(9, 2), False)) == Measure(item.id, 9, 0, 0, 2)
    pair = TokenizedPair(prompt(10, 2, 4), prompt(12, 3, 4))  # one prompt with two answers
    assert measure([item], pair) == Measure(item.id, 12, 1, 4, 5)
    other = TokenizedPair(prompt(40, 9, 4, 6), prompt(33, 2, 4, 6))
    assert measure([item], other) == Measure(item.id, 40, 2, 10, 11)
    assert measure([item], None) is None


def test_a_summary_by_hand() -> None:
    sizes = [Measure("a", 10, 1, 4, 2), Measure("b", 30, 2, 20, 3), Measure("c", 20, 0, 0, 7)]
    found = summary(sizes)
    assert found["tokens"] == {"min": 10, "median": 20.0, "max": 30, "sum": 60}
    assert found["audio_share"] == 0.4 and found["clips"]["sum"] == 3
    text = summary_text(found)
    assert "3 examples" in text and "tokens 10–20–30" in text and "40% of tokens are audio" in text
    assert summary([])["audio_share"] == 0.0 and "0 examples" in summary_text(summary([]))


def test_a_second_attempt_replaces_the_lines_of_its_stage_only(tmp_path: Path) -> None:
    with Run.open(tmp_path / "run", {}) as run:
        for sizes in ([Measure("a", 1, 0, 0, 1)], [Measure("b", 2, 0, 0, 1)]):
            write_measures(run, "align", sizes)
            write_measures(run, "sft", [Measure("c", 3, 1, 1, 1)])
        lines = run.records("measured")
        assert [(line["stage"], line["item"]) for line in lines] == [("align", "b"), ("sft", "c")]
        assert {name: one["examples"] for name, one in run.read_json("measured").items()} == {
            "align": 1,
            "sft": 1,
        }


def test_items_are_measured_where_they_are_checked() -> None:
    items = [make(n) for n in range(3)]
    found = check_items(
        [[item] for item in items], "sft", lambda example: prompt(7, 2), audio=False
    )
    assert [(one.item, one.tokens) for one in found] == [(item.id, 7) for item in items]


def test_prompts_are_found_in_whatever_a_stage_calls_a_batch() -> None:
    one, other = prompt(3, 1), prompt(4, 1)
    assert prompts_in([1, "a", None, {}]) == [] and prompts_in(one) == [one]
    assert prompts_in((TokenizedPair(one, other), [other], False)) == [one, other, other]


def test_prompts_that_leave_little_room_are_told(tmp_path: Path) -> None:
    sizes = [Measure(name, tokens, 0, 0, 0) for name, tokens in (("a", 90), ("b", 91), ("c", 99))]
    with Run.open(tmp_path / "run", {}) as run:
        tell_room(run, "grpo", sizes, 100, 1)
        assert run.records("log") == []
        tell_room(run, "grpo", sizes, 100, 10)
        (line,) = run.records("log")
    assert "2 of 3 prompts leave fewer than 10 tokens" in line["room"]
    assert "(items b, c)" in line["room"]


@pytest.mark.parametrize("failing", ["replace", "write_bytes"])
def test_sizes_of_other_stages_outlive_an_interruption(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run.open(tmp_path / "run", {}) as run:
        write_measures(run, "align", [Measure("a", 1, 0, 0, 1), Measure("b", 2, 0, 0, 1)])
        before = run.records("measured")

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(files.os if failing == "replace" else Path, failing, killed)
            with pytest.raises(KeyboardInterrupt):
                write_measures(run, "sft", [Measure("c", 3, 1, 1, 1)])
        assert run.records("measured") == before


def test_a_second_process_writes_no_sizes(tmp_path: Path) -> None:
    with Run.open(tmp_path / "run", {}) as run:
        write_measures(run, "sft", [Measure("a", 1, 0, 0, 1)])
        write_measures(Follower(tmp_path / "run", {}), "sft", [Measure("b", 1, 0, 0, 1)])
        assert [line["item"] for line in run.records("measured")] == ["a"]
