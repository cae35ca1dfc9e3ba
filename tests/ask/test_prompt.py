"""Prompts of items that are part of a conversation: earlier turns, and clips within the text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harken.ask.clip_order import reorder
from harken.ask.infer import ask
from harken.ask.plan import plan
from harken.ask.prompt import make_prompt, prompt_text
from harken.audio.clip import Clip
from harken.item import Dialogue, Exchange, Item
from harken.models.base import Earlier, PromptStyle, Verbatim

sys.path.insert(0, str(Path(__file__).parent))
from fakes import Fake

A, B = Clip(path="a.wav"), Clip(path="b.wav")
STYLES = [PromptStyle(), PromptStyle(question_first=True, mark_clips=False)]


def item(question: str, dialogue: Dialogue, *clips: Clip, choices: tuple[str, ...] = ()) -> Item:
    return Item(question, choices[0] if choices else "x", choices, clips, dialogue=dialogue)


@pytest.mark.parametrize("style", STYLES)
def test_clips_stand_where_their_places_are_whatever_the_style(style: PromptStyle) -> None:
    within = item("Compare  with , please.", Dialogue(places=((0, 8), (0, 14))), A, B)
    parts = make_prompt(within, style).parts
    assert parts == ("Compare ", A, " with ", B, ", please.")
    assert all(isinstance(part, Clip | Verbatim) for part in parts)


@pytest.mark.parametrize("style", STYLES)
def test_earlier_turns_come_first_with_the_clips_that_are_theirs(style: PromptStyle) -> None:
    turns = (Exchange("What is it?", "a dog"), Exchange("Sure?", "yes"))
    found = make_prompt(
        item("And this?", Dialogue("Be brief.", turns, ((0, 0), (2, 9))), A, B), style
    )
    assert found.parts == (A, "What is it?", "a dog", "Sure?", "yes", "And this?", B)
    assert [isinstance(part, Earlier) for part in found.parts] == [
        *(False, False, True, False, True, False, False)
    ]
    assert found.system == "Be brief."
    assert found.question == "And this?"


def test_without_places_the_style_puts_the_clips_beside_the_question() -> None:
    around = Dialogue(earlier=(Exchange("Ready?", "Yes."),))
    after = item("Same?", around, A, B, choices=("yes", "no"))
    lettered = "Same?\nA. yes\nB. no"
    first, second = (make_prompt(after, style).parts for style in STYLES)
    assert first == ("Ready?", "Yes.", "clip 1:", A, "clip 2:", B, lettered)
    assert second == ("Ready?", "Yes.", lettered, A, B)


def test_choices_follow_the_question_also_where_a_clip_ends_it() -> None:
    asked = item("Which is it?", Dialogue(places=((0, 12),)), A, choices=("dog", "cat"))
    assert make_prompt(asked, PromptStyle()).parts == ("Which is it?", A, "\nA. dog\nB. cat")


def test_a_question_may_be_spoken_and_is_nothing_without_its_clip() -> None:
    spoken = item("", Dialogue(places=((0, 0),)), A)
    assert make_prompt(spoken, PromptStyle()).parts == (A,)
    assert make_prompt(spoken.with_clips(()), PromptStyle()).parts == ()


def test_without_clips_the_words_are_whole() -> None:
    within = item("Compare  with .", Dialogue(places=((0, 8), (0, 14))), A, B)
    assert make_prompt(within.with_clips(()), PromptStyle()).parts == ("Compare  with .",)


def test_replies_are_told_apart_from_questions_in_records() -> None:
    one = item("b", Dialogue(earlier=(Exchange("a", "r"),)), A)
    two = item("b", Dialogue(earlier=(Exchange("a", "b"),)), A)
    assert prompt_text(make_prompt(one, PromptStyle())) == "a\n<reply> r\n<clip 1>\nb"
    keys = {plan(Fake(), [each], {"conditions": ["audio"]}).requests[0].planned["key"]
            for each in (one, two)}  # fmt: skip
    assert len(keys) == 2


def test_clips_with_places_or_earlier_turns_are_not_rotated() -> None:
    text = "Which of these is the louder clip?"
    assert isinstance(
        reorder(item(text, Dialogue("s"), A, B, choices=("clip 1", "clip 2")), 1), Item
    )
    for around in (
        Dialogue(places=((0, 0), (0, 5))),
        Dialogue(earlier=(Exchange("Hello?", "Hello."),)),
    ):
        told = reorder(item(text, around, A, B, choices=("clip 1", "clip 2")), 1)
        assert isinstance(told, str)
        assert "earlier turns" in told


@pytest.mark.parametrize("multi_turn", [True, False])
def test_a_model_of_single_turns_is_not_asked_conversations(multi_turn: bool) -> None:
    model = Fake()
    model.multi_turn = multi_turn  # type: ignore[attr-defined]
    requests = plan(
        model, [item("b", Dialogue(earlier=(Exchange("a", "r"),)), A)], {"conditions": ["audio"]}
    ).requests
    (record,) = ask(model, requests, {})
    assert (record["stop"] == "failed") is not multi_turn
    assert multi_turn or "earlier turns" in str(record)
