"""The base class of the text-only baselines: an answer drawn from one probability a choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harken.errors import ConfigError
from harken.hashing import canonical, digest
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

ANY = 1_000_000
"""`max_clips` of a model that takes any number of clips."""

SLIP = 0.05  # probability that `sure_of` leaves to the other choices: logs stay finite

Vector = npt.NDArray[np.float64]


class TextOnlyBaseline:
    """A baseline whose answer follows from `chances`, one probability a shown choice."""

    name = "text-only"
    max_clips = ANY
    text_only = True
    style = PromptStyle()

    def chances(self, prompt: Prompt) -> Vector:
        """Probability of each shown choice, shape (n,), summing to 1."""
        raise NotImplementedError

    def pick(self, prompt: Prompt) -> int:
        """The shown position of the answer; ties go to the alphabetically first text."""
        chances = self.chances(prompt)
        tops = [i for i, chance in enumerate(chances) if chance == chances.max()]
        return min(tops, key=lambda i: prompt.choices[i])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The letter or text of the picked choice; "I don't know" for open-ended questions."""
        return [
            Reply(prompt.targets[self.pick(prompt)] if prompt.choices else "I don't know")
            for prompt in prompts
        ]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The natural log of `chances`; None for open-ended questions."""
        return [
            tuple(float(value) for value in np.log(self.chances(prompt)))
            if prompt.choices
            else None
            for prompt in prompts
        ]

    def settings(self) -> object:
        """The JSON-able values that determine the answers."""
        return None

    def identity(self) -> str:
        """Hash of the class name and the settings."""
        return digest(canonical([type(self).__name__, self.settings()]))


def sure_of(size: int, tops: Sequence[int]) -> Vector:
    """Probabilities (size,): 1 - `SLIP` shared by the positions `tops`, the rest by the others."""
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
