"""Your own model in three methods: this one measures pitch; without audio it is at chance.

Run: ``python examples/own_model.py`` (a second; makes its own recordings in a temporary folder).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.evaluate.run import run
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling


class PitchModel:
    """Says whether a tone is low or high."""

    name = "pitch"
    max_clips = 1
    style = PromptStyle(letters=False)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The more probable choice, as text."""
        return [Reply(p.choices[int(np.argmax(self._row(p)))]) for p in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Natural log-probabilities, one per shown choice; the probabilities sum to 1."""
        return [self._row(prompt) for prompt in prompts]

    def identity(self) -> str:
        """Identifies what decides the answers; change it when they change."""
        return "pitch-1"

    def _row(self, prompt: Prompt) -> tuple[float, ...]:
        sound = load(prompt.clips[0]) if prompt.clips else np.zeros(1)
        if not sound.any():
            return (math.log(0.5),) * 2  # no audio: undecided
        peak_hz = int(np.argmax(np.abs(np.fft.rfft(sound)))) * RATE_HZ / sound.size
        pitch = "high" if peak_hz > 500 else "low"
        return tuple(math.log(0.9 if choice == pitch else 0.1) for choice in prompt.choices)


with tempfile.TemporaryDirectory() as name:
    items = []
    for i in range(40):
        path = Path(name, f"{i}.wav")
        hertz = 200 + 5 * i if i % 2 else 800 + 5 * i
        tone = np.sin(2 * np.pi * hertz * np.arange(8000) / RATE_HZ).astype(np.float32)
        write_wav(path, 0.3 * tone, RATE_HZ)
        gold, clip = ("low", "high")[hertz > 500], Clip(path=str(path), duration_s=0.5)
        items.append(Item("Is the tone low or high?", gold, ("low", "high"), (clip,), "pitch"))
    for condition, cell in run(PitchModel(), items, Path(name, "run"))["overall"]["cells"].items():
        print(f"{condition:8} {cell['accuracy']:.3f}")
