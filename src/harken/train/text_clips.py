"""Items with clips replaced by the labels of their sounds, from the item's plan.

A language model trained from scratch has to learn what "which clip" or "how many" mean. It learns
this faster on text, with labels in place of clips, before it is trained on audio.
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


def clip_labels(item: Item) -> list[list[str]] | None:
    """The labels of the sounds in each clip, in order; None where the plan does not have them."""
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
    """`prompt` with each clip replaced by its labels, each repeated once or twice at random."""
    parts: list[str | Clip] = []
    left = list(names)
    for part in prompt.parts:
        if isinstance(part, Clip):
            labels = [name for name in left.pop(0) for _ in range(int(rng.integers(1, 3)))]
            parts.append(ClipText(" ".join(labels)))
        else:
            parts.append(part)
    return replace(prompt, parts=tuple(parts))


def with_texts(prompt: Prompt, texts: Sequence[str]) -> Prompt:
    """`prompt` with each clip replaced by its text."""
    left = iter(texts)
    parts = tuple(ClipText(next(left)) if isinstance(part, Clip) else part for part in prompt.parts)
    return replace(prompt, parts=parts)
