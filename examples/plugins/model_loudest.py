"""A model that measures loudness: asked which clip it is, it names the loudest.

Run: ``harken --plugin model_loudest.py eval loudest items -o runs/loudest``
"""

import math
from collections.abc import Sequence

import numpy as np

from harken.audio.load import load
from harken.models.base import ModelKind, Prompt, PromptStyle, Reply, Sampling
from harken.models.load import MODELS


class Loudest:
    """Chooses the option whose place is that of the loudest clip, with a fixed confidence."""

    name = "loudest"
    max_clips = 8
    style = PromptStyle()

    def __init__(self, sure: float) -> None:
        self.sure = sure

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        rows = self.choice_logprobs(prompts)
        return [
            Reply(prompt.targets[int(np.argmax(row))] if row else "I don't know")
            for prompt, row in zip(prompts, rows, strict=True)
        ]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [self.row(prompt) if prompt.choices else None for prompt in prompts]

    def row(self, prompt: Prompt) -> tuple[float, ...]:
        size = len(prompt.choices)
        levels = [float(np.square(load(clip)).mean()) for clip in prompt.clips]
        if size < 2 or len(set(levels)) < 2:
            return (-math.log(size),) * size
        place = prompt.order.index(levels.index(max(levels)) % size)
        rest = math.log((1 - self.sure) / (size - 1))
        return tuple(math.log(self.sure) if at == place else rest for at in range(size))

    def identity(self) -> str:
        return f"loudest-1-{self.sure}"


def build(target: str, **options: object) -> Loudest:
    """``loudest`` or ``loudest:0.7``: how sure it is of its choice."""
    return Loudest(float(target or 0.9))


MODELS.add(ModelKind("loudest", "names the loudest clip, as loudest:0.9", build))
