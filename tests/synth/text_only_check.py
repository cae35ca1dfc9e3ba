"""Whether a model that reads and does not listen is at chance, by a fit on another draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.base import style_of
from harken.models.text_only.linear import Linear
from harken.stats.measures import wilson


def in_one_turn(item: Item) -> Item:
    """The item with all that was said before as a part of its question, which `Linear` reads."""
    if item.dialogue is None:
        return item
    turns = [f"{turn.question} {turn.reply}" for turn in item.dialogue.earlier]
    return replace(item, question=" ".join([*turns, item.question]), dialogue=None)


def read_alone(learn: Sequence[Item], ask: Sequence[Item]) -> tuple[float, float, float, float]:
    """Accuracy of a text-only linear model, its 99.9 % interval, and chance.

    Of another draw, since what is balanced in one is out of balance the other way in a part of it.
    """
    model = Linear([in_one_turn(item) for item in learn], size=1 << 12)
    asked = [in_one_turn(item) for item in ask]
    score = 0.0
    logs = model.choice_logprobs([make_prompt(item, style_of(model)) for item in asked])
    for item, own in zip(asked, logs, strict=True):
        top = [place for place, value in enumerate(own or ()) if value == max(own or ())]
        score += float(item.gold in top) / max(1, len(top))
    low, high = wilson(score, len(ask), z=3.29)
    return score / len(ask), low, high, sum(1 / len(item.choices) for item in ask) / len(ask)


def chance_fits(learn: Sequence[Item], ask: Sequence[Item]) -> bool:
    """Whether chance is within the interval of `read_alone`."""
    _, low, high, chance = read_alone(learn, ask)
    return low <= chance <= high
