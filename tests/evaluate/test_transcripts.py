"""Word error rates of open questions that ask for a transcript: sums by hand."""

from __future__ import annotations

from typing import Any

import pytest

from harken.evaluate.results import tabulate
from harken.item import Item
from harken.report import terminal
from scored_records import record


def said(text: str, reply: str, condition: str = "audio", **changes: Any) -> dict[str, Any]:
    """A record of a transcript of its own recording."""
    item = Item("What is said?", text, task="transcribe", recordings=(f"r {text}",))
    own: dict[str, Any] = {
        "item": item.id, "task": "transcribe", "tags": ["single", "sentence"],
        "condition": condition, "rotation": 0, "clips": 1, "question": item.question,
        "answer": text, "choices": [], "order": [], "options": [], "reply": reply,
        "logprobs": None, "parsed": reply, "gold": -1, "gold_shown": -1, "error": None,
        "outcome": "correct" if reply == text else "wrong", "group": item.recordings[0],
        "stop": "end",
    }  # fmt: skip
    return own | changes


@pytest.mark.parametrize(
    ("pairs", "errors", "words"),
    [
        # (what is said, the reply): (substitutions, deletions, insertions)
        ([("one two three", "one two three")], (0, 0, 0), 3),
        ([("one two three", "One, two. Three!")], (0, 0, 0), 3),
        ([("one two three", "")], (0, 3, 0), 3),
        ([("one two", "one to two too")], (0, 0, 2), 2),
        ([("a b c d", "a x c"), ("e", "e f g")], (1, 1, 2), 5),
        ([("don't go", "don’t go there now then")], (0, 0, 3), 2),  # a rate above 1
        ([("seven", "I cannot say.")], (1, 0, 2), 1),
    ],
)
def test_errors_are_summed_over_all_words(
    pairs: list[tuple[str, str]], errors: tuple[int, int, int], words: int
) -> None:
    (cell,) = tabulate([said(*pair) for pair in pairs])["transcripts"].values()
    names = ("substitutions", "deletions", "insertions")
    assert tuple(cell[name] for name in names) == errors
    assert cell["words"] == words and cell["items"] == len(pairs)
    assert cell["wer"] == pytest.approx(sum(errors) / words)


def test_a_failed_request_is_no_empty_transcript() -> None:
    records = [said("one two", "one two"), said("three", "", outcome="failed", stop="failed")]
    cell = tabulate(records)["transcripts"]["audio"]
    assert cell["wer"] == 0.0 and cell["items"] == 1 and cell["failed"] == 1
    records[0] |= {"outcome": "failed"}
    cell = tabulate(records)["transcripts"]["audio"]
    assert cell["wer"] is None and cell["low"] is None and cell["failed"] == 2


def test_abstained_and_unparsable_replies_are_errors() -> None:
    for outcome in ("abstained", "unparsable"):
        cell = tabulate([said("one two", "", outcome=outcome)])["transcripts"]["audio"]
        assert cell["wer"] == 1.0 and cell["deletions"] == 2


def test_the_interval_holds_the_rate_and_is_of_recordings() -> None:
    records = [said(f"word{i} two three", f"word{i} two" if i % 3 else "no") for i in range(40)]
    cell = tabulate(records)["transcripts"]["audio"]
    assert cell["low"] < cell["wer"] < cell["high"]
    one = [dict(own, group="the same") for own in records]
    assert tabulate(one)["transcripts"]["audio"]["low"] is None  # one recording has no spread
    wide = [said(" ".join(f"w{i}{k}" for k in range(30)), "no") for i in range(2)]
    assert tabulate([*records, *wide])["transcripts"]["audio"]["wer"] > cell["wer"]


def test_every_condition_has_its_own_and_other_questions_have_none() -> None:
    records = [said("one two", "one two"), said("one two", "no", "none"), said("a", "a")]
    found = tabulate(records)
    assert set(found["transcripts"]) == {"audio", "none"}
    text = terminal.results({**found, "model": "m"})
    assert "Word error rate of transcripts: audio 0.0 %" in text and "none 100.0 %" in text
    closed = Item("Which?", "a", ("a", "b"), task="transcribe", recordings=("r",))
    other = said("a", "b", task="order")
    assert "transcripts" not in tabulate([record(closed, "audio", 0.9), other])
