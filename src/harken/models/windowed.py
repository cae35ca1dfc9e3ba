"""``windows:MODEL``: any model hears hours of audio, window by window, at constant memory.

``windows:harken-small?window_s=5`` or ``windows:openai:NAME@URL?window_s=30&combine=mean``. A clip
that is longer than a window is cut into windows, half of each overlapping the next; each is asked
the same question, and of each only the probabilities of the choices are kept. They are combined:

- ``needle``: those of the window that differs most from the others, by KL(window || mean of all
  windows). Where what is asked about is heard in a few seconds of an hour, nearly all windows
  answer alike, and the one that does not is the one that heard it.
- ``mean``: their mean, where what is asked about is heard throughout.

A window that hears something alike decides wrongly, and there are more of these in an hour than in
a minute: accuracy falls with length. Questions need choices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import Clip
from harken.audio.single import duration_s, span
from harken.cache import LruCache
from harken.errors import AudioError, ConfigError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, Reply, Sampling, capabilities
from harken.models.target import read_wrapper
from harken.models.wrapper import ModelWrapper

COMBINE = ("needle", "mean")
_REMEMBERED = 1024  # answers about long clips
_KEPT = 256  # windows after which the model drops what it has cached
Chances = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How a clip is cut and what becomes of its windows.

    Attributes:
        window_s: length of a window, in seconds; shorter clips are asked about whole.
        combine: ``needle`` or ``mean``.
    """

    window_s: float = 30.0
    combine: str = "needle"


def build(target: str, **options: Any) -> Windowed:
    """The registry's factory; `target` is ``MODEL?settings``, the model by its name.

    Raises:
        ConfigError: no model, or a setting that is wrong.
    """
    from harken.models.load import load_model

    inner, settings = read_wrapper("windows", target, WindowSettings, options)
    return Windowed(load_model(inner), settings)


class Windowed(ModelWrapper):
    """A model that is asked about windows.

    Attributes:
        name: of the model, with how it is asked.
        max_clips: that of the model.
        heard: windows asked about so far.
    """

    def __init__(self, model: Model, settings: WindowSettings | None = None) -> None:
        """Wrap `model`.

        Raises:
            ConfigError: a window without length, or an unknown way to combine.
        """
        self.model, self.settings = model, settings or WindowSettings()
        if not 0 < self.settings.window_s < math.inf:
            raise ConfigError(
                f"window_s is {self.settings.window_s:g}", hint="Use seconds above 0."
            )
        if self.settings.combine not in COMBINE:
            raise ConfigError(
                f"combine is {self.settings.combine!r}", hint=f"Use {' or '.join(COMBINE)}."
            )
        self.name = f"windows:{model.name}"
        self.max_clips = model.max_clips
        self.heard = 0
        self._known: LruCache[tuple[float, ...]] = LruCache(_REMEMBERED)

    def identity(self) -> str:
        """Hash of the model and of the settings."""
        own = [self.model.identity(), self.settings.window_s, self.settings.combine]
        return digest(canonical(own))

    def report(self) -> dict[str, Any]:
        """Windows asked about, and what the model reports."""
        return self.reported({"windows": self.heard})

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Those of the model for short clips; for a long one, what its windows say."""
        long = [self._is_long(prompt) for prompt in prompts]
        short = [p for p, own in zip(prompts, long, strict=True) if not own]
        whole = iter(self.model.choice_logprobs(short) if short else ())
        return [self._about(p) if own else next(whole)
                for p, own in zip(prompts, long, strict=True)]  # fmt: skip

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The model's reply for short clips; for a long one, the most probable choice."""
        long = [self._is_long(prompt) for prompt in prompts]
        short = [p for p, own in zip(prompts, long, strict=True) if not own]
        whole = iter(self.model.generate(short, sampling) if short else ())
        return [self._reply(p) if own else next(whole)
                for p, own in zip(prompts, long, strict=True)]  # fmt: skip

    def _is_long(self, prompt: Prompt) -> bool:
        """Whether a clip is longer than a window; one that cannot be read is none."""
        try:
            return bool(self._long(prompt))
        except AudioError:
            return False

    def _about(self, prompt: Prompt) -> tuple[float, ...] | None:
        """What the windows of a prompt say; kept, since a reply is asked for after it."""
        known = self._known.get(prompt)
        if known is None and (known := self._asked(prompt)) is not None:
            self._known.put(prompt, known, 1)
        return known

    def _asked(self, prompt: Prompt) -> tuple[float, ...] | None:
        long = self._long(prompt)
        if len(long) > 1 or not prompt.choices:
            return None
        found: list[Chances] = []
        windows = self._windows(prompt, long[0])
        while some := list(islice(windows, capabilities(self.model).batch)):
            self.heard += len(some)
            if self.heard % _KEPT < len(some) and (clear := capabilities(self.model).clear_cache):
                clear()  # a window is asked about once: what is cached of it is not used again
            for logprobs in self.model.choice_logprobs(some):
                if logprobs is None:
                    return None
                found.append(np.exp(np.array(logprobs)))
        chances = combined(np.array(found), self.settings.combine)
        return tuple(float(one) for one in np.log(np.maximum(chances, 1e-12)))

    def _reply(self, prompt: Prompt) -> Reply:
        long = self._long(prompt)
        if len(long) > 1 or not prompt.choices:
            why = "two clips are longer than a window" if len(long) > 1 else "the question is open"
            return Reply("", "failed", f"{self.name} cannot answer it: {why}")
        found = self._about(prompt)
        if found is None:
            return Reply("", "failed", f"{self.model.name} gives no probabilities of choices")
        return Reply(prompt.targets[int(np.argmax(found))], logprobs=found)

    def _long(self, prompt: Prompt) -> list[int]:
        """The parts that are clips longer than a window."""
        return [
            place
            for place, part in enumerate(prompt.parts)
            if isinstance(part, Clip) and duration_s(part) > self.settings.window_s + 1e-3
        ]

    def _windows(self, prompt: Prompt, place: int) -> Iterator[Prompt]:
        """The prompt with each window in the place of its long clip."""
        clip, width = prompt.parts[place], self.settings.window_s
        assert isinstance(clip, Clip)
        length = duration_s(clip)
        count = math.ceil((length - width) / (width / 2) - 1e-6) + 1
        for number in range(count):
            start = min(number * width / 2, length - width)
            parts = list(prompt.parts)
            parts[place] = span(clip, start, width)
            yield replace(prompt, parts=tuple(parts))


def combined(chances: Chances, how: str) -> Chances:
    """Probabilities of choices (n,) from those of windows (windows, n), as the top has it."""
    mean: Chances = chances.mean(0)
    if how == "mean":
        return mean
    floor = np.maximum(chances, 1e-12)
    apart = (floor * np.log(floor / np.maximum(mean, 1e-12))).sum(1)
    picked: Chances = chances[int(np.argmax(apart))]
    return picked
