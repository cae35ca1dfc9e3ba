"""Pairs: one prompt for both answers, and the wrong option that a model finds most probable."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harken.errors import DataError
from harken.item import Item
from harken.models.base import PromptStyle
from harken.runs import Run
from harken.train.preferences import most_plausible_wrong, pair_prompt, tokenized_pair
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, alike, mini, named


def test_both_answers_follow_the_same_prompt(tmp_path: Path) -> None:
    learner = mini()
    item = replace(named(tmp_path, "noise", 0, 0.3), rejected="clicks")
    pair = tokenized_pair(learner, item, 0)
    assert pair.chosen.ids[: pair.chosen.start] == pair.rejected.ids[: pair.rejected.start]
    assert learner.tokenizer.decode(pair.chosen.ids[pair.chosen.start :]) == "noise"
    assert learner.tokenizer.decode(pair.rejected.ids[pair.rejected.start :]) == "clicks"
    assert tokenized_pair(learner, item, 0).chosen.ids == pair.chosen.ids
    orders = {pair_prompt(learner, item, seed).order for seed in range(20)}
    assert len(orders) > 5
    # With a rejected answer or another one, the question is asked alike.
    for other in ("", "low tone", "something else"):
        assert pair_prompt(learner, replace(item, rejected=other), 3) == replace(
            pair_prompt(learner, item, 3), item_id=replace(item, rejected=other).id
        )


def test_options_are_answered_by_letter_where_letters_are_shown(tmp_path: Path) -> None:
    learner = mini()
    learner.style = PromptStyle()
    item = replace(named(tmp_path, "noise", 0, 0.3), rejected="clicks")
    prompt, pair = pair_prompt(learner, item, 0), tokenized_pair(learner, item, 0)
    for text, example in (("noise", pair.chosen), ("clicks", pair.rejected)):
        letter = "ABCD"[prompt.choices.index(text)]
        assert learner.tokenizer.decode(example.ids[example.start :]) == letter
    free = tokenized_pair(learner, replace(item, rejected="a long story"), 0).rejected
    assert learner.tokenizer.decode(free.ids[free.start :]) == "a long story"


def test_answers_of_the_same_tokens_are_no_pair() -> None:
    learner = mini()
    twins = Item("What is heard?", 'the "noise"', rejected='the " noise"')
    assert learner.tokenizer.encode(twins.answer) == learner.tokenizer.encode(twins.rejected)
    with pytest.raises(DataError, match="same tokens"):
        tokenized_pair(learner, twins, 0)


def test_the_wrong_option_that_the_model_prefers(tmp_path: Path) -> None:
    """A model that was taught one wrong answer everywhere rejects that one, where it is wrong."""
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    learner = mini()
    taught = [replace(item, answer="clicks") for item in items]
    sft(learner, taught, SftSettings(steps=30, lr=1e-2, threads=1), Run.open(tmp_path / "run", {}))
    kept = replace(items[0], rejected="high tone")
    made = most_plausible_wrong(learner, [*items, kept], 0)
    assert [item.rejected for item in made[:3]] == ["clicks"] * 3
    assert made[3].answer == "clicks" and made[3].rejected != "clicks"
    assert made[4] == kept
    assert [replace(item, rejected="") for item in made[:4]] == items
    for item in made:
        (own,) = learner.choice_logprobs([pair_prompt(learner, replace(item, rejected=""), 0)])
        prompt = pair_prompt(learner, item, 0)
        wrong = {t: v for t, v in zip(prompt.choices, own or (), strict=True) if t != item.answer}
        assert item == kept or wrong[item.rejected] == max(wrong.values())


def test_of_equally_probable_options_one_is_drawn_by_seed(tmp_path: Path) -> None:
    learner = mini()
    with torch.no_grad():
        learner.net.lm.get_output_embeddings().weight.zero_()
    sizes = {name: len(learner.tokenizer.encode(name)) for name in NAMES}
    assert len(set(sizes.values())) == 1  # each option is as probable as the others
    items = [named(tmp_path, name, seed, 0.3) for name in NAMES for seed in range(5)]
    drawn = [most_plausible_wrong(learner, items, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(Counter(item.rejected for item in drawn[0])) == len(NAMES)
    assert all(item.rejected not in ("", item.answer) for item in drawn[0])


def test_two_options_leave_one(tmp_path: Path) -> None:
    made = most_plausible_wrong(mini(), [alike(tmp_path, "noise", "noise")], 0)
    assert [item.rejected for item in made] == ["no"]
