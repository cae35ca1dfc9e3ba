"""wer: 1 - min(WER, 1) of a transcript, counted as the benchmark ``asr`` counts it.

The words of the answer in the reply (its reasoning aside), in lower case and without punctuation,
against those of the item's answer.
"""

from __future__ import annotations

from harken.ask.parse import answer_text
from harken.ask.rewards.base import Reward, RewardFunction
from harken.ask.word_errors import edits, normalise
from harken.item import Item
from harken.models.base import Prompt


def build() -> RewardFunction:
    """The reward; it has no settings."""

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        gold, said = normalise(item.answer).split(), normalise(answer_text(text)).split()
        return 1.0 - min(sum(edits(gold, said)) / len(gold), 1.0)

    return reward


def _has_words(item: Item) -> bool:
    return not item.choices and bool(normalise(item.answer))


REWARD = Reward(
    "wer",
    "1 - min(WER, 1) of a transcript; open-ended items with words",
    build,
    applies=_has_words,
    open_ended=True,
)
