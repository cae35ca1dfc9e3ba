"""Baselines that never listen: random, constant, longest, linear, and an oracle.

They hear any number of clips and use none, so what they score is what a benchmark gives away
without its audio. Their answer depends on the question, the shown choices and the item's id only:
put under another condition, they answer the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harken.errors import ConfigError
from harken.hashing import canonical, digest
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

ANY = 1_000_000


"""`max_clips` of a model that does not care how many clips there are."""


SLIP = 0.05  # probability a sure baseline leaves to the other choices: logs stay finite


Vector = npt.NDArray[np.float64]


class TextOnlyBaseline:
    """The common part: an answer is drawn from `chances`, one probability a shown choice."""

    name = "deaf"
    max_clips = ANY
    style = PromptStyle()

    def chances(self, prompt: Prompt) -> Vector:
        """Probability of each shown choice, shape (n,), summing to 1."""
        raise NotImplementedError

    def pick(self, prompt: Prompt) -> int:
        """The shown position it answers; ties go to the alphabetically first text."""
        chances = self.chances(prompt)
        tops = [i for i, chance in enumerate(chances) if chance == chances.max()]
        return min(tops, key=lambda i: prompt.choices[i])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The letter or text of the picked choice; an open question is declined."""
        return [
            Reply(prompt.targets[self.pick(prompt)] if prompt.choices else "I don't know")
            for prompt in prompts
        ]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The natural log of `chances`; None for open questions."""
        return [
            tuple(float(value) for value in np.log(self.chances(prompt)))
            if prompt.choices
            else None
            for prompt in prompts
        ]

    def settings(self) -> object:
        """JSON-able values that decide the answers."""
        return None

    def identity(self) -> str:
        """Hash of the kind and its settings."""
        return digest(canonical([type(self).__name__, self.settings()]))


def sure_of(size: int, tops: Sequence[int]) -> Vector:
    """Most of the probability shared by `tops`, the rest by the others."""
    if len(tops) == size:
        return np.full(size, 1 / size)
    chances = np.full(size, SLIP / (size - len(tops)))
    chances[list(tops)] = (1 - SLIP) / len(tops)
    return chances


def whole_number(target: str, what: str) -> int:
    """`target` as a whole number, 0 if empty; raises ConfigError."""
    try:
        return int(target or 0)
    except ValueError:
        raise ConfigError(f"{what} must be a whole number, not {target!r}") from None
