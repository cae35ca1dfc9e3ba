"""``oracle``: is given the answers; for tests and for the upper bound of a scorer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Model, Prompt, Reply, Sampling
from harken.models.text_only.base import TextOnlyBaseline, Vector, sure_of


class Oracle(TextOnlyBaseline):
    """Right on every item it was given; on other items all choices are equally likely."""

    name = "oracle"

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Reads the answers, by item id."""
        self._answers = {item.id: item.answer for item in items}

    def chances(self, prompt: Prompt) -> Vector:
        """Most of the probability on the right answer, wherever it is shown."""
        answer = self._answers.get(prompt.item_id)
        size = len(prompt.choices)
        if answer not in prompt.choices:
            return np.full(size, 1 / size)
        return sure_of(size, [prompt.choices.index(answer)])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """As in the base class; open-ended questions of known items are answered too."""
        replies = super().generate(prompts, sampling)
        for i, prompt in enumerate(prompts):
            if not prompt.choices and prompt.item_id in self._answers:
                replies[i] = Reply(self._answers[prompt.item_id])
        return replies

    def settings(self) -> object:
        """The answers by item id."""
        return sorted(self._answers.items())


def build_oracle(target: str = "", *, items: Iterable[Item] = ()) -> Model:
    """``oracle``; it must be given the `items` whose answers it gives."""
    known = list(items)
    if not known:
        raise ConfigError("the oracle needs the items whose answers it gives", hint="Give items=…")
    return Oracle(known)
