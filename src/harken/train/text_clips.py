"""Items whose clips are words: what is heard in each clip, taken from the item's plan.

A language model without any knowledge has to learn what "which clip" or "how many" mean. It learns
it faster on text, where a clip is replaced by the words for what it holds, before it hears a sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harken.audio.clip import Clip
from harken.item import Item
from harken.models.base import Prompt
from harken.models.engine.batch import ClipText


def heard_names(item: Item) -> list[list[str]] | None:
    """The names heard in each clip, in order; None where the plan does not tell."""
    values: dict[str, Any] = item.plan.get("values") or {}
    names = values.get("heard")
    if names is None and len(item.clips) == 1:
        names = values.get("answer")
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if len(names) == len(item.clips):
        return [[name] for name in names]
    return [names] if len(item.clips) == 1 else None


def as_text(prompt: Prompt, names: Sequence[Sequence[str]], rng: np.random.Generator) -> Prompt:
    """`prompt` with each clip replaced by its names, each said once or twice, as sounds last."""
    parts: list[str | Clip] = []
    left = list(names)
    for part in prompt.parts:
        if isinstance(part, Clip):
            said = [name for name in left.pop(0) for _ in range(int(rng.integers(1, 3)))]
            parts.append(ClipText(" ".join(said)))
        else:
            parts.append(part)
    return replace(prompt, parts=tuple(parts))
