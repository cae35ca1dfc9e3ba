"""Replies taken apart into answer and reasoning."""

from __future__ import annotations

import pytest

from harken.ask.thinking import Unfolded, without_thinking


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("B", Unfolded((), "B", False)),
        ("<think>A</think>B", Unfolded((), "B", False)),
        ("<think/>B", Unfolded((), "B", False)),  # nothing was opened
        ("<think />So B", Unfolded((), "So B", False)),
        # An answer within reasoning is none.
        ("<think>Is it <answer>A</answer>?</think>It is B.", Unfolded((), "It is B.", False)),
        ("<think><answer>A</think><answer>B</answer>", Unfolded(("B",), "", False)),
        ("<answer>A</answer> or <answer>B</answer>", Unfolded(("A", "B"), "or", False)),
        ("A</think>B", Unfolded((), "B", False)),  # its opening was in the prompt
        # Never closed.
        ("<think>It is B", Unfolded((), "", True)),
        ("B<think>or", Unfolded((), "B", True)),
        ("analysisIt is B", Unfolded((), "", True)),
        ("analysisIt is A.assistantfinalB", Unfolded((), "B", False)),
    ],
)
def test_tags(text: str, found: Unfolded) -> None:
    assert without_thinking(text) == found


def channel(name: str, text: str) -> str:
    return f"<|channel|>{name}<|message|>{text}<|end|>"


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([("analysis", "A?"), ("final", "B")], Unfolded((), "B", False)),
        # The last one: the model went on after its first.
        ([("final", "A"), ("analysis", "Wrong."), ("final", "B")], Unfolded((), "B", False)),
        ([("analysis", "It is B")], Unfolded((), "", True)),
    ],
)
def test_channels(parts: list[tuple[str, str]], found: Unfolded) -> None:
    assert without_thinking("".join(channel(*one) for one in parts)) == found
