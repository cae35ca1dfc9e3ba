"""Items with clips replaced by the names of what is heard in them, from the item's facts.

A language model trained from scratch has to learn what "which clip" or "how many" mean. It learns
this faster on text, with labels in place of clips, before it is trained on audio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harken.audio.clip import Clip
from harken.item import Item
from harken.models.base import Prompt
from harken.models.engine.batch import ClipText


def clip_labels(item: Item) -> list[list[str]] | None:
    """What is heard in each clip, in order: what is said, or labels; None where it is not known.

    A question about voices is about who speaks, so there the speakers are named instead. Behind
    what is asked about may be a background, which is left out.
    """
    found: list[list[str]] = []
    for facts in item.facts:
        names = facts.names
        if "speaker" in item.tags:
            names = tuple(one.speaker for one in facts.front if one.speaker)
        if not names:
            return None
        found.append(list(names))
    return found or None


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
