from __future__ import annotations

import pytest

from harken.ask.prompt import make_prompt
from harken.ask.rewards.load import REWARDS, build_reward, parse_rewards
from harken.ask.score import score
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import PromptStyle, Reply

ITEM = Item("Which sound is this?", "rain", ("dog", "rain", "clock"))
OPEN = Item("What is it?", "rain")
PROMPT = make_prompt(ITEM, PromptStyle())


@pytest.mark.parametrize("text", ["B", "rain", "A", "B or C", "", "I don't know"])
def test_accuracy_is_the_value_of_the_scorer(text: str) -> None:
    assert build_reward("accuracy")(ITEM, PROMPT, text) == (score(ITEM, PROMPT, Reply(text)).value)


def test_accuracy_can_be_by_another_scorer(all_right: str) -> None:
    lenient = build_reward("accuracy", {"accuracy": {"scorer": all_right}})
    assert lenient(ITEM, PROMPT, "?") == 1.0 and build_reward("accuracy")(ITEM, PROMPT, "?") == 0.0


@pytest.mark.parametrize(
    ("text", "plain", "tagged"),
    [
        ("B", 1, 0),
        (" B.\n", 1, 0),
        ("rain", 1, 0),
        ("A", 1, 0),
        ("D", 0, 0),
        ("The answer is B", 0, 0),
        ("<answer>B</answer>", 0, 1),
        ("<think>It drips.\n</think>\n<answer> rain </answer>", 0, 1),
        ("<answer>B</answer> because", 0, 0),
        ("<answer>A</answer><answer>B</answer>", 0, 0),
        ("<think>so</think>B", 0, 0),
        ("", 0, 0),
    ],
)
def test_format(text: str, plain: float, tagged: float) -> None:
    assert REWARDS.get("format").build()(ITEM, PROMPT, text) == plain
    assert build_reward("format=1", {"format": {"tags": True}})(ITEM, PROMPT, text) == tagged


def test_format_of_an_open_question_wants_anything_but_nothing() -> None:
    prompt = make_prompt(OPEN, PromptStyle())
    assert [build_reward("format")(OPEN, prompt, text) for text in ("rain", " ")] == [1, 0]


def test_length_is_a_soft_penalty() -> None:
    made = build_reward("length=2", {"length": {"limit": 4, "over": 2}})
    found = [made(ITEM, PROMPT, "word " * n) for n in (0, 4, 5, 6, 60)]
    assert found == [0, 0, -1.0, -2.0, -2.0]
    with pytest.raises(ConfigError):
        build_reward("length", {"length": {"limit": 0}})


def test_several_are_a_weighted_sum() -> None:
    made = build_reward("accuracy=1, format=0.2")
    assert [made(ITEM, PROMPT, text) for text in ("B", "C", "It is B")] == [1.2, 0.2, 1.0]
    assert parse_rewards("accuracy,format=-.5") == {"accuracy": 1.0, "format": -0.5}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("acuracy=1", "accuracy"),
        ("accuracy=much", "NAME=WEIGHT"),
        ("accuracy=nan", "NAME=WEIGHT"),
        ("accuracy=1,accuracy=2", "twice"),
        (" , ", "no reward"),
    ],
)
def test_faults_are_told_with_a_hint(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_rewards(text)
    assert says in str(caught.value)


def test_unknown_settings_are_told_with_their_neighbours() -> None:
    for settings, says in (({"length": {"limits": 3}}, "limit"), ({"accuracy": {}}, "no weight")):
        with pytest.raises(ConfigError) as caught:
            build_reward("length", settings)
        assert says in str(caught.value)
    with pytest.raises(ConfigError, match="no scorer"):
        build_reward("accuracy", {"accuracy": {"scorer": "lenient"}})
