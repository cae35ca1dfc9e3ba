"""Rewards of open-ended answers: transcripts and times, by hand-checkable arithmetic."""

from __future__ import annotations

import jiwer
import pytest

from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import SampledReply
from harken.ask.rewards.load import build_reward, weighted_rewards
from harken.item import Item
from harken.models.base import PromptStyle

SAID = Item("Write down what is said.", "The cat sat on the mat.")
TIMES = Item("When does the dog bark?", "from 1.0 s to 3.0 s")
CHOICE = Item("Which sound is this?", "rain", ("dog", "rain"))


def worth(rewards: str, item: Item, text: str) -> float:
    return build_reward(rewards)(item, make_prompt(item, PromptStyle()), text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("the cat sat on the mat", 0),
        ("The CAT, sat on the mat!", 0),
        ("the cat sat on a mat", 1),
        ("cat sat on the mat", 1),
        ("the big cat sat on the mat", 1),
        ("<think>a dog?</think>the cat sat on the mat", 0),
        ("", 6),
        ("one two three four five six seven eight nine", 9),
    ],
)
def test_wer_is_counted_as_jiwer_counts_it(text: str, wrong: int) -> None:
    found = worth("wer", SAID, text)
    assert found == pytest.approx(1 - min(wrong / 6, 1))
    if text and not text.startswith("<"):
        plain = text.lower().replace(",", "").replace("!", "")
        assert found == pytest.approx(1 - min(jiwer.wer("the cat sat on the mat", plain), 1))


@pytest.mark.parametrize(
    ("text", "iou"),
    [
        ("from 1.0 s to 3.0 s", 1.0),
        ("between 0:01 and 0:03", 1.0),
        ("<|1.00|> to <|3.00|>", 1.0),
        ("2 to 4 s", 1 / 3),
        ("0-4", 0.5),
        ("1-2 and 2-3", 1.0),
        ("5 to 6 s", 0.0),
        ("3 to 1 s", 0.0),
        ("at the beginning", 0.0),
        ("", 0.0),
    ],
)
def test_time_iou_is_overlap_over_union(text: str, iou: float) -> None:
    assert worth("time-iou", TIMES, text) == pytest.approx(iou)


def test_times_as_tokens_in_the_answer_are_times() -> None:
    item = Item("When?", "<|1.00|>-<|3.00|>")
    assert worth("time-iou", item, "2 to 3 s") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rewards", "item", "applies"),
    [
        ("accuracy", CHOICE, True),
        ("accuracy", SAID, False),
        ("format,length", SAID, False),
        ("accuracy,wer", SAID, True),
        ("wer", CHOICE, False),
        ("wer", Item("Which?", "?!"), False),
        ("time-iou", TIMES, True),
        ("time-iou", SAID, False),
        ("heard", SAID, False),
    ],
)
def test_an_item_is_trained_on_if_a_reward_can_tell_its_replies_apart(
    rewards: str, item: Item, applies: bool
) -> None:
    assert weighted_rewards(rewards).applies(item) == applies


def test_what_does_not_apply_is_absent_and_not_zero() -> None:
    asked = [
        SampledReply(one, make_prompt(one, PromptStyle()), text)
        for one, text in ((CHOICE, "B"), (SAID, "the cat sat on the"))
    ]
    choice, said = weighted_rewards("accuracy=1,wer=2,time-iou=3").of(asked)
    assert choice.parts == {"accuracy": 1.0} and choice.total == 1.0
    assert set(said.parts) == {"accuracy", "wer"} and said.total == pytest.approx(2 * 5 / 6)
