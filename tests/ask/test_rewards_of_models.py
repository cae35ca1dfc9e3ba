"""Rewards that ask a model: a judge, or the trained one without the audio or in another order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import SampledReply
from harken.ask.rewards.load import WeightedRewards, build_reward, weighted_rewards
from harken.audio.clip import silence
from harken.errors import ConfigError
from harken.item import Contribution, Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

STYLE = PromptStyle()
ITEMS = [
    Item("Which sound is this?", answer, ("dog", "rain", "clock"), (silence(1.0 + k),))
    for k, answer in enumerate(("rain", "clock", "dog"))
]
OPEN = Item("What is it?", "rain", clips=(silence(9.0),))


class FakeTrained:
    """A trained model whose probabilities are given."""

    style = STYLE
    seed = 0

    def __init__(self, choices: Callable[[Prompt], dict[str, float] | None]) -> None:
        self.items: Sequence[Item] = [*ITEMS, OPEN]
        self.choices = choices
        self.asked: list[Prompt] = []
        self.replies: Callable[[Prompt], str] = lambda prompt: "rain"
        self.known: Callable[[Prompt], float] = lambda prompt: -1.0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.asked += prompts
        return [Reply(self.replies(prompt)) for prompt in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        self.asked += prompts
        found = [self.choices(prompt) for prompt in prompts]
        return [None if one is None else tuple(math.log(one[name]) for name in prompt.choices)
                for prompt, one in zip(prompts, found, strict=True)]  # fmt: skip

    def reply_logprobs(
        self, prompts: Sequence[Prompt], replies: Sequence[SampledReply]
    ) -> list[float]:
        return [self.known(prompt) for prompt in prompts]


def replied(item: Item, text: str, order: Sequence[int] = (0, 1, 2)) -> SampledReply:
    shown = tuple(order) if item.choices else None
    return SampledReply(item, make_prompt(item, STYLE, order=shown), text)


def values(
    rewards: str, trained: FakeTrained, asked: Sequence[SampledReply], **settings: Any
) -> list[float | None]:
    made: WeightedRewards = weighted_rewards(rewards, {rewards: settings} if settings else {})
    found = [one.parts.get(rewards, math.inf) for one in made.of(asked, trained)]
    return [None if one is None else one for one in found]


def test_heard_is_right_with_the_audio_and_not_without() -> None:
    """p(gold) without audio: rain 0.7 (known from the text), clock 0.2 and dog 0.1 (heard)."""
    trained = FakeTrained(lambda prompt: {"dog": 0.1, "rain": 0.7, "clock": 0.2})
    asked = [replied(ITEMS[0], "rain"), replied(ITEMS[0], "dog"), replied(ITEMS[1], "clock"),
             replied(ITEMS[1], "C", (2, 1, 0)), replied(ITEMS[2], "no idea")]  # fmt: skip
    assert values("heard", trained, asked) == [0, 0, 1, 0, 0]
    assert not any(prompt.clips for prompt in trained.asked)
    assert len(trained.asked) == 3  # each item once, whatever the number of its replies
    assert values("heard", trained, asked, soft=True) == pytest.approx([0.3, 0, 0.8, 0, 0])
    assert all(
        prompt.clips
        for prompt in (values("heard", trained, asked, without="silence"), trained.asked[-1:])[1]
    )


def test_heard_of_open_ended_items_is_by_the_reply_without_audio() -> None:
    trained = FakeTrained(lambda prompt: None)
    assert values("heard", trained, [replied(OPEN, "rain")]) == [0]
    trained.replies = lambda prompt: "a dog"
    assert values("heard", trained, [replied(OPEN, "rain"), replied(OPEN, "dog")]) == [1, 0]


def test_heard_can_be_taken_from_what_curate_measured() -> None:
    item = replace(ITEMS[0], contribution=Contribution("weak", "bits", text_only_right=3,
                                                       text_only_asked=4))  # fmt: skip
    trained = FakeTrained(lambda prompt: {"dog": 0.8, "rain": 0.1, "clock": 0.1})
    found = values("heard", trained, [replied(item, "rain")], known=True, soft=True)
    assert found == pytest.approx([0.25]) and not trained.asked
    assert values("heard", trained, [replied(ITEMS[0], "rain")], known=True, soft=True) == (
        pytest.approx([0.9])
    )


def test_without_a_probability_there_is_no_worth_and_not_zero() -> None:
    trained = FakeTrained(lambda prompt: None)
    for name in ("heard", "choice-permuted"):
        assert values(name, trained, [replied(ITEMS[0], "rain")]) == [None]
        made = weighted_rewards(f"accuracy=1,{name}=1").of([replied(ITEMS[0], "rain")], trained)
        assert made[0].total is None and made[0].parts["accuracy"] == 1


def test_heard_refuses_what_leaves_sound() -> None:
    for without, says in (("audio", "leaves sound"), ("clip-1", "leaves sound"), ("non", "none")):
        with pytest.raises(ConfigError, match=says):
            weighted_rewards("heard", {"heard": {"without": without}})


def test_choice_permuted_is_the_share_of_orders_with_the_same_option() -> None:
    """A model that always takes the first place, and one that always knows."""

    def first(prompt: Prompt) -> dict[str, float]:
        return {name: 0.9 if not i else 0.05 for i, name in enumerate(prompt.choices)}

    trained = FakeTrained(first)
    # dog, rain, clock shown; the other orders begin with rain and with clock.
    asked = [replied(ITEMS[0], text) for text in ("A", "B", "C", "?")]
    assert values("choice-permuted", trained, asked) == [0, 0.5, 0.5, 0]
    assert len(trained.asked) == 2
    assert values("choice-permuted", trained, asked, orders=1) == [0, 1, 0, 0]
    knows = FakeTrained(lambda prompt: {"dog": 0.1, "rain": 0.8, "clock": 0.1})
    assert values("choice-permuted", knows, asked) == [0, 1, 0, 0]
    shown = [replied(ITEMS[0], "A", (1, 2, 0)), replied(ITEMS[0], "A", (2, 0, 1))]
    assert values("choice-permuted", knows, shown) == [1, 0]


def test_options_that_may_not_change_places_are_left_alone() -> None:
    fixed = Item("Which?", "dog", ("dog", "rain", "none of the above"))
    asked = [replied(fixed, "A"), replied(OPEN, "rain")]
    assert values("choice-permuted", FakeTrained(lambda prompt: None), asked) == [math.inf] * 2


def test_swap_preference_compares_with_another_items_audio() -> None:
    trained = FakeTrained(lambda prompt: None)
    own = {clip.key for clip in ITEMS[0].clips}
    trained.known = lambda prompt: -1.0 if prompt.clips[0].key in own else -3.0
    asked = [replied(ITEMS[0], "rain"), replied(ITEMS[0], "dog")]
    assert values("swap-preference", trained, asked) == pytest.approx([1 / (1 + math.exp(-2)), 0])
    sharp = values("swap-preference", trained, asked, sharpness=3.0)
    assert sharp == pytest.approx([1 / (1 + math.exp(-6)), 0])
    trained.known = lambda prompt: -1.0  # a model that does not listen
    assert values("swap-preference", trained, asked) == pytest.approx([0.5, 0])
    trained.items = [ITEMS[0]]  # nobody's clips to swap in
    assert values("swap-preference", trained, asked) == [math.inf] * 2
    with pytest.raises(ConfigError, match="sharpness"):
        weighted_rewards("swap-preference", {"swap-preference": {"sharpness": 0}})


class FakeJudge:
    name = "judge"
    max_clips = 0
    style = STYLE

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.prompts += prompts
        return [self._verdict(str(prompt.parts[0])) for prompt in prompts]

    def _verdict(self, text: str) -> Reply:
        if "thunder" in text:
            return Reply("", "failed", "no connection")
        return Reply("CORRECT" if "drizzle" in text else "INCORRECT")

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "judge"


def test_a_judge_marks_each_answer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = FakeJudge()
    monkeypatch.setattr("harken.ask.rewards.judge.load_model", lambda spec: judge)
    texts = ["drizzle", "a dog", "drizzle", "thunder", "", "<think>drizzle</think>a dog"]
    asked = [replied(OPEN, text) for text in texts]
    found = values("judge", FakeTrained(lambda prompt: None), asked, model="openai:x@http://h/v1")
    assert found == [1, 0, 1, None, 0, 0]
    assert len(judge.prompts) == 3 * 2  # three different answers, in both orders


def test_what_asks_a_model_says_what_it_needs() -> None:
    with pytest.raises(ConfigError, match="names no model"):
        weighted_rewards("judge")
    with pytest.raises(ConfigError, match="all replies at once"):
        build_reward("accuracy,heard")
    with pytest.raises(ConfigError, match="none is given"):
        weighted_rewards("heard").of([replied(ITEMS[0], "rain")])
    with pytest.raises(ConfigError, match="orders"):
        weighted_rewards("choice-permuted", {"choice-permuted": {"orders": 0}})
