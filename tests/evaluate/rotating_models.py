"""Records by hand: what was picked under which condition, rotation of options and of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harken.item import Item
from scored_records import record


def questions(count: int, size: int = 4, task: str = "t") -> list[Item]:
    """`count` items of one task with `size` options, the first of them true; a recording each."""
    names = ("ant", "bee", "cat", "dog", "elk")[:size]
    return [
        Item(f"{task} {i}?", "ant", names, task=task, recordings=(f"{task}{i}",))
        for i in range(count)
    ]


def picks(
    item: Item,
    chosen: Sequence[int | None],
    condition: str = "audio",
    rotate: str = "options",
    **more: Any,
) -> list[dict[str, Any]]:
    """One record per pass, rotating options or clips; `chosen` are positions in ``item.choices``.

    None is an answer that names no option; -1 a pass that failed. No record has probabilities.
    """
    made = []
    for at, pick in enumerate(chosen):
        own = record(item, condition, 0.9, at if rotate == "options" else 0)
        own |= {"clip_rotation": at if rotate == "clips" else 0, "logprobs": None, "how": "text"}
        if pick is None or pick < 0:
            own |= {"outcome": "abstained" if pick is None else "failed", "parsed": None}
        else:
            right = "correct" if pick == item.gold else "wrong"
            own |= {"outcome": right, "parsed": item.choices[pick]}
        made.append({**own, **more})
    return made
