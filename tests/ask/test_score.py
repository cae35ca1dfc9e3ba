from __future__ import annotations

import pytest

from harken.ask.prompt import make_prompt
from harken.ask.rewards.load import build_reward
from harken.ask.score import OUTCOMES, score, score_logprobs, score_text
from harken.item import Item
from harken.models.base import PromptStyle, Reply

ITEM = Item(question="What?", answer="dog", choices=("rain", "dog", "cat"))
ORDER = Item(question="Name all in order", answer="dog bark, rain, clock tick")


@pytest.mark.parametrize(
    ("reply", "outcome", "value"),
    [
        (Reply("B"), "correct", 1.0),
        (Reply("rain"), "wrong", 0.0),
        (Reply("I don't know"), "abstained", 0.0),
        (Reply("rain or dog"), "unparsable", 0.0),
        (Reply(""), "unparsable", 0.0),
        (Reply("B", stop="failed", error="timeout"), "failed", None),
        (Reply("", stop="failed"), "failed", None),
        (Reply("B", stop="length"), "correct", 1.0),
    ],
)
def test_the_five_outcomes(reply, outcome, value):
    mark = score(ITEM, make_prompt(ITEM, PromptStyle()), reply)
    assert (mark.outcome, mark.value) == (outcome, value)
    assert mark.outcome in OUTCOMES and mark.rule


def test_the_same_letter_means_another_choice_under_another_rotation():
    marks = [score(ITEM, make_prompt(ITEM, PromptStyle(), r), Reply("A")).parsed for r in range(3)]
    assert marks == ["rain", "dog", "cat"]


def test_logprobs_decide_unless_they_tie():
    prompt = make_prompt(ITEM, PromptStyle(), 1)  # dog, cat, rain
    assert score_logprobs(ITEM, prompt, (-0.1, -3.0, -3.0)).outcome == "correct"
    assert score_logprobs(ITEM, prompt, (-3.0, -0.1, -3.0)).parsed == "cat"
    assert score_logprobs(ITEM, prompt, (-1.0, -1.0, -3.0)) is None


def test_the_reward_is_the_score():
    prompt = make_prompt(ITEM, PromptStyle())
    reward = build_reward("accuracy")
    assert [reward(ITEM, prompt, text) for text in ("B", "C", "", "B or C")] == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "dog bark, rain, clock tick",
        "Dog barks, then rain, and a clock tick.",
        "1. dog bark 2. rain 3. clock tick",
        "1) dog bark\n2) rain\n3) clock tick",
        "- dog bark\n- rain\n- clock tick",
        "The order is: dog bark -> rain -> clock tick",
        "I hear a dog bark followed by rain, then a clock tick",
        "First, a dog bark; second, rain; finally, clock ticks",
        '{"answer": ["dog bark", "rain", "clock tick"]}',
        "<answer>dog bark, rain, clock tick</answer>",
    ],
)
def test_an_order_is_right_however_it_is_written(text):
    assert score_text(ORDER, text).outcome == "correct"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("rain, dog bark, clock tick", 1 / 3),
        ("dog bark, rain", 2 / 3),
        ("dog bark, rain, clock tick, cat", 3 / 4),
        ("cat", 0.0),
        ("dog bark rain clock tick", 0.0),
    ],
)
def test_a_wrong_order_has_a_share_and_no_value(text, share):
    mark = score_text(ORDER, text)
    assert (mark.outcome, mark.value) == ("wrong", 0.0)
    assert mark.share == pytest.approx(share)


def test_open_answers_can_be_declined_or_empty():
    assert score_text(ORDER, "I don't know").outcome == "abstained"
    assert score_text(ORDER, " ").outcome == "unparsable"


def test_open_single_answers_and_labels_with_and():
    word = Item(question="Which word?", answer="seven")
    assert score_text(word, "The word is: Seven.").outcome == "correct"
    assert score_text(word, "7").outcome == "correct"
    assert score_text(word, "eleven").outcome == "wrong"
    pair = Item(question="Which?", answer="rock and roll, rain")
    assert score_text(pair, "rock and roll, rain").outcome == "correct"


@pytest.mark.parametrize(
    ("gold", "reply", "outcome"),
    [
        ("1.12s", "<|1.12|>", "correct"),
        ("1.1s", "<|1.10|>", "correct"),
        ("1.12 s", "It is <|1.12|>.<|im_end|>", "correct"),
        ("from 1.12s to 3.50s", "from<|1.12|>to<|3.50|>", "correct"),
        ("dog at 1.12s, cat at 2.00s", "dog at <|1.12|>, cat at <|2.00|>", "correct"),
        ("1.12s", "<|1.13|>", "wrong"),
        ("1.12s", "<|im_end|>", "unparsable"),
        ("1.12s", "<|endoftext|><|audio|>", "unparsable"),
    ],
)
def test_time_tokens_are_read_as_times(gold, reply, outcome):
    assert score_text(Item("When?", gold), reply).outcome == outcome


@pytest.mark.parametrize("letters", [True, False])
def test_time_tokens_name_options(letters):
    item = Item("When?", "1.12s", choices=("3.50s", "1.12s", "5.0 s"))
    prompt = make_prompt(item, PromptStyle(letters=letters))
    for reply, outcome in {
        "<|1.12|>": "correct",
        "The sound starts at <|5.00|>.": "wrong",
        "<|9.00|>": "unparsable",
        "<|1.12|><|3.50|>": "unparsable",
    }.items():
        assert score(item, prompt, Reply(reply)).outcome == outcome
