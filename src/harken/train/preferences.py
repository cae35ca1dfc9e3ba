"""Pairs of a better and a worse answer, as a model sees them.

The prompt of a pair is the same in every step: the order of its options is drawn by seed and item,
so that log-probabilities of a reference can be computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from harken.ask.option_order import shuffled_order
from harken.ask.prompt import make_prompt, target
from harken.errors import DataError
from harken.item import Item
from harken.listed import listed
from harken.models.base import Prompt
from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedPair:
    """One prompt with its better and with its worse answer."""

    chosen: TokenizedPrompt
    rejected: TokenizedPrompt


def pair_prompt(learner: Learner, item: Item, seed: int) -> Prompt:
    """The prompt of a pair; the order of its options is drawn by seed and question."""
    rng = np.random.default_rng([seed, crc32(item.question.encode()), crc32(item.answer.encode())])
    return make_prompt(item, learner.style, order=shuffled_order(item, rng))


def tokenized_pair(learner: Learner, item: Item, seed: int) -> TokenizedPair:
    """`item` with its answer, and with its rejected answer.

    Raises:
        DataError: the answers have the same tokens.
        HarkenError: a clip cannot be loaded, or an answer is too long.
    """
    prompt = pair_prompt(learner, item, seed)
    worse = item.rejected
    if worse in item.choices:
        worse = prompt.targets[prompt.order.index(item.choices.index(worse))]
    found = TokenizedPair(
        learner.tokenize(prompt, target(item, prompt)), learner.tokenize(prompt, worse)
    )
    if found.chosen.ids == found.rejected.ids:
        raise DataError("its better and its worse answer have the same tokens")
    return found


def require_pairs(items: Sequence[Item], stage: str, *, choices: bool) -> None:
    """Raise DataError, with ids and counts, for items that are no pairs.

    Args:
        items: of the stage.
        stage: its name.
        choices: whether a pair can be made of an item with options.
    """
    unusable = [
        item.id
        for item in items
        if not item.rejected and not (choices and item.gold >= 0 and len(item.choices) > 1)
    ]
    if unusable:
        hint = (
            "Give them rejected, or leave them out."
            if choices
            else "Give each a rejected answer; from_choices=true takes a wrong option for it."
        )
        raise DataError(
            f"{len(unusable)} of {len(items)} items have no rejected answer"
            f"{' and no wrong option' if choices else ''}: {listed(unusable)}",
            where=f"stage {stage}",
            hint=hint,
        )


def most_plausible_wrong(learner: Learner, items: Sequence[Item], seed: int) -> list[Item]:
    """Items with options as pairs: the right option against the wrong one that `learner` prefers.

    Of wrong options with equal probability one is drawn. Items that have a rejected answer keep it.

    Raises:
        DataError: the learner gives an item no probabilities; all of them are named.
    """
    asked = [item for item in items if not item.rejected]
    found = learner.choice_logprobs([pair_prompt(learner, item, seed) for item in asked])
    failed = [item.id for item, own in zip(asked, found, strict=True) if own is None]
    if failed:
        raise DataError(
            f"{len(failed)} items have no probabilities of their options: {listed(failed)}",
            hint="Look at their clips, or give them rejected answers.",
        )
    worse: dict[str, Item] = {}
    for item, own in zip(asked, found, strict=True):
        assert own is not None
        order = pair_prompt(learner, item, seed).order
        values = {item.choices[place]: value for place, value in zip(order, own, strict=True)}
        wrong = {text: value for text, value in values.items() if text != item.answer}
        best = sorted(text for text, value in wrong.items() if value == max(wrong.values()))
        rng = np.random.default_rng([seed, crc32(item.id.encode())])
        worse[item.id] = replace(item, rejected=best[int(rng.integers(len(best)))])
    return [worse.get(item.id, item) for item in items]
