"""A judge with scripted replies, and an embedding of three words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harken.models.base import Prompt, PromptStyle, Reply, Sampling


class Says:
    """Answers each prompt with ``speak(prompt text)``; None is a failed reply."""

    name = "says"
    max_clips = 0
    style = PromptStyle(letters=False)

    def __init__(self, speak: Callable[[str], str | None]) -> None:
        self.speak = speak
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        replies = []
        for prompt in prompts:
            self.asked.append(prompt.question)
            said = self.speak(prompt.question)
            failed = Reply("", "failed", "no answer came")
            replies.append(failed if said is None else Reply(said))
        return replies

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "says"


class Bag:
    """Counts of given words."""

    name = "bag"

    def __init__(self, *words: str) -> None:
        self.words = words

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[float(t.split().count(w)) for w in self.words] for t in texts],
                        np.float32)  # fmt: skip
