"""``constant``: always answers the same shown position."""

from __future__ import annotations

from harken.errors import ConfigError
from harken.models.base import Model, Prompt
from harken.models.text_only.base import TextOnlyBaseline, Vector, sure_of, whole_number


class Constant(TextOnlyBaseline):
    """Answers the same shown position (the last one where there are fewer choices)."""

    def __init__(self, position: int = 0) -> None:
        """Position 0 answers A to every question."""
        self.position = position
        self.name = f"constant:{position}"

    def chances(self, prompt: Prompt) -> Vector:
        """Most of the probability on its position."""
        return sure_of(len(prompt.choices), [min(self.position, len(prompt.choices) - 1)])

    def settings(self) -> object:
        """The position."""
        return self.position


def build_constant(target: str = "", *, position: int = 0) -> Model:
    """``constant`` or ``constant:<position>``, counted from 0."""
    found = whole_number(target, "the position of constant") if target else position
    if found < 0:
        raise ConfigError(f"the position of constant is {found}", hint="Count from 0.")
    return Constant(found)
