"""time-iou: overlap over union of the time spans in a reply and in the answer, from 0 to 1.

Spans are read as the benchmark ``grounding`` reads them ("from 1.2s to 3.4 s", "0:05-0:07"), and
where times are tokens ("<|1.20|> to <|3.40|>"). A reply without a span is worth 0.
"""

from __future__ import annotations

from harken.ask.parse import answer_text
from harken.ask.rewards.base import Reward, RewardFunction
from harken.ask.time_spans import iou, segments
from harken.item import Item
from harken.models.base import Prompt
from harken.times import times_as_text


def build() -> RewardFunction:
    """The reward; it has no settings."""

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        # Time tokens look like markup, which the answer is freed of.
        said = segments(answer_text(times_as_text(text)))
        return iou(said, segments(item.answer)) if said else 0.0

    return reward


def _has_spans(item: Item) -> bool:
    return not item.choices and bool(segments(item.answer))


REWARD = Reward(
    "time-iou",
    "overlap over union of time spans; open-ended items whose answer has some",
    build,
    applies=_has_spans,
    open_ended=True,
)
