"""format: 1 for a reply that is an answer and nothing else, else 0; right or wrong plays no part.

A closed-ended question wants exactly a letter (where letters were shown) or the text of an option,
an open-ended one anything but nothing. With ``tags`` the whole reply must be ``<answer>…</answer>``
with that inside, and may have ``<think>…</think>`` before it (DeepSeek-R1, arXiv 2501.12948).
"""

from __future__ import annotations

import re

from harken.ask.rewards.base import Reward, RewardFunction
from harken.item import Item
from harken.models.base import Prompt

_TAGGED = re.compile(
    r"\s*(?:<think>(?:(?!</?think>).)*</think>\s*)?<answer>((?:(?!</?answer>).)*)</answer>\s*", re.S
)


def build(*, tags: bool = False) -> RewardFunction:
    """The reward; with `tags`, replies must be written in ``<answer>`` tags."""

    def reward(item: Item, prompt: Prompt, text: str) -> float:
        if tags:
            match = _TAGGED.fullmatch(text)
            if match is None:
                return 0.0
            text = match.group(1)
        bare = text.strip()
        if not prompt.choices:
            return float(bool(bare))
        known = {*prompt.targets, *prompt.choices}
        return float(bare in known or bare.removesuffix(".") in known)

    return reward


REWARD = Reward("format", "1 for a reply that is exactly a letter or an option, else 0", build)
