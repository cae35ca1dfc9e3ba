"""``random``: answers one of the choices at random."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from harken.hashing import canonical
from harken.models.base import Model, Prompt
from harken.models.text_only.base import TextOnlyBaseline, Vector, whole_number


class Random(TextOnlyBaseline):
    """Draws one choice a prompt from seed, item and order; all choices are equally likely."""

    def __init__(self, seed: int = 0) -> None:
        """Same seed, same draws."""
        self.seed = seed
        self.name = f"random:{seed}" if seed else "random"

    def chances(self, prompt: Prompt) -> Vector:
        """1 / n for each choice."""
        return np.full(len(prompt.choices), 1 / len(prompt.choices))

    def pick(self, prompt: Prompt) -> int:
        """An independent draw for every (item, order)."""
        spot = canonical([prompt.item_id, prompt.question, prompt.choices, prompt.order])
        rng = np.random.default_rng([self.seed, crc32(spot.encode())])
        return int(rng.integers(len(prompt.choices)))

    def settings(self) -> object:
        """The seed."""
        return self.seed


def build_random(target: str = "", *, seed: int = 0) -> Model:
    """``random`` or ``random:<seed>``."""
    return Random(whole_number(target, "the seed of random") if target else seed)
