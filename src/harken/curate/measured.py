"""What voters answer under each condition: the audio, no audio, and the controls beside them.

A control stands in the place of the audio: a caption, a transcript, another item's clips. Where a
caption does as much as the audio, the questions ask for no more than a caption holds; where another
item's clips do, nothing is heard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from harken.curate.contribution import Votes, bits_of
from harken.item import Item


def control_bits(
    item: Item, votes: Sequence[Votes], controls: Iterable[str]
) -> tuple[tuple[str, float], ...]:
    """What each control adds to no audio, in bits: the mean over `votes` that have both."""
    found = []
    for name in controls:
        values = [
            value
            for own in votes
            if (value := _bits(own, name, item)) is not None
        ]  # fmt: skip
        if values:
            found.append((name, round(sum(values) / len(values), 6)))
    return tuple(found)


def by_task(
    items: Sequence[Item], votes: Sequence[Votes], pool: Sequence[int]
) -> dict[str, dict[str, dict[str, Any]]]:
    """For every task and condition: answers, the share that is right, and bits over no audio.

    Args:
        items: the items that were asked.
        votes: of all voters.
        pool: which of them count: those that use the audio, where there are any.

    Returns:
        task -> condition -> ``asked`` (items times voters), ``right`` (share of option orders in
        which the gold is picked, failed requests left out), ``bits`` (mean; None without
        probabilities). Clip subsets that only Shapley shares need are left out.
    """
    cells: dict[tuple[str, str], list[tuple[float, float | None]]] = defaultdict(list)
    for own in (votes[place] for place in pool):
        for name in own:
            if name.startswith("clips-"):
                continue
            for item in items:
                cast = own[name].get(item.id)
                if cast is not None and not cast.failed:
                    right = sum(pick == item.gold for pick in cast.picks) / len(cast.picks)
                    cells[item.task, name].append((right, _bits(own, name, item)))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (task, name), cell in sorted(cells.items()):
        bits = [own for _, own in cell if own is not None]
        found.setdefault(task, {})[name] = {
            "asked": len(cell),
            "right": round(sum(right for right, _ in cell) / len(cell), 6),
            "bits": round(sum(bits) / len(bits), 6) if bits and name != "none" else None,
        }
    return found


def _bits(own: Votes, name: str, item: Item) -> float | None:
    """Bits of the gold under a condition over none, of one voter."""
    return bits_of(own[name].get(item.id), own["none"].get(item.id), item.gold)
