"""time-iou: overlap over union of the time spans in a reply and in the answer, from 0 to 1.

Spans are read as the benchmark ``grounding`` reads them ("from 1.2s to 3.4 s", "0:05-0:07"), and
where times are tokens ("<|1.20|> to <|3.40|>"). A reply without a span is worth 0.
"""

from __future__ import annotations

import re

from harken.ask.parse import answer_text
from harken.ask.rewards.base import Reward, RewardFunction
from harken.ask.time_spans import Segments, iou, segments
from harken.item import Item
from harken.models.base import Prompt

_TOKEN = re.compile(r"<\|(\d+(?:\.\d+)?)\|>")


def build() -> RewardFunction:
    """The reward; it has no settings."""

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        said = _spans(answer_text(_TOKEN.sub(r" \1 ", text)))
        return iou(said, _spans(item.answer)) if said else 0.0

    return reward


def _spans(text: str) -> Segments:
    return segments(_TOKEN.sub(r" \1 ", text))


def _has_spans(item: Item) -> bool:
    return not item.choices and bool(_spans(item.answer))


REWARD = Reward(
    "time-iou",
    "overlap over union of time spans; open-ended items whose answer has some",
    build,
    applies=_has_spans,
    open_ended=True,
)
