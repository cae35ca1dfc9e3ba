"""``longest``: answers the longest choice."""

from __future__ import annotations

from harken.models.base import Model, Prompt
from harken.models.text_only.base import TextOnlyBaseline, Vector, sure_of


class Longest(TextOnlyBaseline):
    """The longest choice in characters; equally long ones share its probability."""

    name = "longest"

    def chances(self, prompt: Prompt) -> Vector:
        """Most of the probability on the longest."""
        sizes = [len(choice) for choice in prompt.choices]
        return sure_of(len(sizes), [i for i, size in enumerate(sizes) if size == max(sizes)])


def build_longest(target: str = "") -> Model:
    """``longest``."""
    return Longest()
