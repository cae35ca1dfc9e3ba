"""Models of a few lines for the tests of asking."""

from __future__ import annotations

import time

from harken.audio.clip import Clip
from harken.item import Item
from harken.models.base import PromptStyle, Reply


class Fake:
    """Says what `say` makes of a prompt; gives the probabilities that `chances` makes of it."""

    name = "fake"
    max_clips = 4
    style = PromptStyle()

    def __init__(self, say=lambda prompt: "A", chances=lambda prompt: None, pause_s=0.0, tag=""):
        self.say, self.chances, self.pause_s, self.tag = say, chances, pause_s, tag
        self.asked = 0

    def generate(self, prompts, sampling):
        time.sleep(self.pause_s)
        self.asked += len(prompts)
        said = [self.say(prompt) for prompt in prompts]
        return [one if isinstance(one, Reply) else Reply(one) for one in said]

    def choice_logprobs(self, prompts):
        return [self.chances(prompt) for prompt in prompts]

    def identity(self):
        return f"fake {self.tag}"


def items(count, clips=1):
    return [
        Item(
            question=f"What is heard in {n}?",
            answer=("rain", "dog", "cat", "bell")[n % 4],
            choices=("rain", "dog", "cat", "bell"),
            clips=tuple(Clip(path=f"{n}-{k}.wav", duration_s=1.0) for k in range(clips)),
            recordings=tuple(f"r{n}-{k}" for k in range(clips)),
            task="identify",
        )
        for n in range(count)
    ]
