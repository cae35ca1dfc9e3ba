"""Choices by letter or by text, whatever a model was made for: what is listed, asked and scored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harken.ask.prompt import make_prompt, prompt_text, target
from harken.ask.record import ask_and_score
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import (
    ANSWER_ONLY,
    SCORE_BY,
    TEXT_ONLY,
    PromptStyle,
    Sampling,
    score_choices_by,
    style_of,
)
from harken.models.composed.model import ComposedModel
from harken.models.listeners.cascade import Cascade
from harken.models.load import load_model

ITEM = Item("Which word?", "dog", ("cat", "dog", "a longer one"), task="word")


class Styled:
    """Takes audio; remembers what it was asked for."""

    name = "styled"
    max_clips = 1

    def __init__(self, style: PromptStyle) -> None:
        self.style = style
        self.asked: list[tuple[str, ...]] = []

    def generate(self, prompts, sampling: Sampling):  # type: ignore[no-untyped-def]
        raise AssertionError("choices are scored by their probabilities")

    def choice_logprobs(self, prompts):  # type: ignore[no-untyped-def]
        self.asked += [prompt.targets for prompt in prompts]
        return [(-3.0, -0.1, -4.0) for _ in prompts]

    def identity(self) -> str:
        return "styled"


@pytest.mark.parametrize("letters", [True, False])
@pytest.mark.parametrize("instruction", ["", ANSWER_ONLY, TEXT_ONLY, "One word."])
def test_what_is_listed_is_what_is_scored(letters: bool, instruction: str) -> None:
    style = PromptStyle(letters=letters, instruction=instruction, question_first=True)
    for how, shown, answer in (("text", "- dog", "dog"), ("letter", "B. dog", "B")):
        model = Styled(style)
        score_choices_by(model, how)
        prompt = make_prompt(ITEM, style_of(model))
        assert shown in prompt_text(prompt) and target(ITEM, prompt) == answer
        (record,) = ask_and_score(model, [ITEM], conditions=("none",), replies="none")
        assert model.asked == [prompt.targets] and record["outcome"] == "correct"
        assert record["letters"] is (how == "letter")
        wrong = TEXT_ONLY if how == "letter" else ANSWER_ONLY
        assert style_of(model).instruction != wrong  # never a letter where none is shown
        assert style_of(model).question_first  # and nothing else is changed
    assert style_of(score_choices_by(Styled(style), "model")) == style


def test_an_instruction_of_ones_own_is_kept() -> None:
    model = Styled(PromptStyle(instruction="Answer in Welsh."))
    assert style_of(score_choices_by(model, "text")).instruction == "Answer in Welsh."


def test_a_text_is_scored_by_all_its_tokens_and_the_end() -> None:
    words = [ITEM.question, *ITEM.choices]
    model = ComposedModel.preset("harken-mini", words, seed=1)
    model.style = replace(model.style, letters=True)
    by_letter = model.choice_logprobs([make_prompt(ITEM, style_of(model))])[0]
    score_choices_by(model, "text")
    prompt = make_prompt(ITEM, style_of(model))
    (found,) = model.choice_logprobs([prompt])
    sums = model.logprobs([prompt] * 3, ITEM.choices).log_softmax(0)
    assert found == pytest.approx(sums.tolist(), abs=1e-4) and found != by_letter


def test_a_cascade_is_prompted_as_its_reader() -> None:
    reader = load_model("random:")
    cascade = Cascade(Styled(PromptStyle()), reader)
    score_choices_by(cascade, "text")
    assert not style_of(reader).letters and not style_of(cascade).letters


@pytest.mark.parametrize("how", ["", "letters", "TEXT"])
def test_another_way_is_refused_with_those_there_are(how: str) -> None:
    with pytest.raises(ConfigError, match=f"--score-by is '{how}'") as refused:
        score_choices_by(Styled(PromptStyle()), how)
    assert all(one in refused.value.hint for one in SCORE_BY)


def test_a_style_that_is_fixed_is_told() -> None:
    class Fixed(Styled):
        style = property(lambda self: PromptStyle())  # type: ignore[assignment]

        def __init__(self) -> None:
            self.asked = []

    with pytest.raises(ModelError, match="cannot be changed"):
        score_choices_by(Fixed(), "text")
