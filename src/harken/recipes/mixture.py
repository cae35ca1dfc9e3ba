"""Mixtures: datasets made of shares of others, in an order, in one part or in several.

``curated/weak=0.3 curated/strong=0.7`` takes three items of ten from the first. Items are drawn
without repetition, so a mixture is as large as its shares allow; `repeat` goes through a source
again. A stage of training draws its batches from all its items, so a curriculum is several parts,
one dataset each, that are trained on one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from harken.curate.labels import LABELS
from harken.errors import ConfigError, DataError
from harken.item import Item, items_digest
from harken.recipes.selections import mixed, shared_out
from harken.shards.write import write_dataset


@dataclass(frozen=True, slots=True)
class MixSettings:
    """How a mixture is drawn.

    Attributes:
        items: how many; 0: as many as the shares allow without repetition.
        order: one of `ORDERS`.
        parts: datasets that the order is cut into, of equal size to within one item.
        repeat: whether a source that is too small is gone through again.
        seed: of all draws.
    """

    items: int = 0
    order: str = "shuffled"
    parts: int = 1
    repeat: bool = False
    seed: int = 0


def _bits(item: Item) -> float:
    own = item.contribution
    if own is None or own.bits is None:
        raise DataError(
            f"the item {item.id} has no bits to order by",
            hint="Measure them: harken curate, with a voter that gives probabilities.",
        )
    return own.bits


def _label(item: Item) -> float:
    own = item.contribution
    if own is None:
        raise DataError(
            f"the item {item.id} has no label to order by", hint="Measure it: harken curate"
        )
    return ("weak", "undecided", "strong").index(own.label)


ORDERS: Mapping[str, Callable[[Item], float]] = {
    "shuffled": lambda item: 0.0,
    "weak-first": _label,
    "bits": _bits,
    "words": lambda item: float(len(item.question.split()) + len(item.answer.split())),
    "clips": lambda item: float(len(item.clips)),
}
"""Order -> what items are sorted by, the least first; those that are equal are shuffled."""


def mix(
    sources: Sequence[tuple[str, Sequence[Item], float]],
    out: Path | str,
    settings: MixSettings | None = None,
    *,
    embed: bool = False,
) -> dict[str, Any]:
    """Write a mixture: ``out``, or ``out/part-1`` and so on; returns counts by source.

    Args:
        sources: name, items and share of each; shares are relative to their sum.
        out: the folder.
        settings: see `MixSettings`.
        embed: copy the audio into the datasets.

    Raises:
        ConfigError: an unknown order, no share above 0, or fewer items than parts.
        DataError: an item is in two sources, a source is empty or too small, or an item cannot be
            ordered.
    """
    settings = settings or MixSettings()
    if settings.order not in ORDERS:
        raise ConfigError(
            f"no order is called {settings.order!r}", hint=f"Known: {', '.join(ORDERS)}"
        )
    _check(sources)
    count = settings.items or _most(sources)
    parts = [(sorted(items, key=lambda item: item.id), share) for _, items, share in sources]
    if not settings.repeat:
        _enough(sources, count)
    drawn = mixed(parts, count, settings.seed)
    if not 1 <= settings.parts <= len(drawn):
        raise ConfigError(f"{len(drawn)} items cannot be cut into {settings.parts} parts")
    shuffled = np.random.default_rng([settings.seed, 1]).permutation(len(drawn)).tolist()
    ordered = sorted((drawn[n] for n in shuffled), key=ORDERS[settings.order])
    home = {item.id: name for name, items, _ in sources for item in items}
    plan = {
        "job": "mix",
        "sources": [
            {"name": Path(name).name, "share": share, "items": items_digest(items)}
            for (name, _, share), (items, _) in zip(sources, parts, strict=True)
        ],
        "items": count,
        **{key: getattr(settings, key) for key in ("order", "parts", "repeat", "seed")},
    }
    made = []
    bounds = [round(n * len(ordered) / settings.parts) for n in range(settings.parts + 1)]
    for number, (first, last) in enumerate(pairwise(bounds), 1):
        own = ordered[first:last]
        folder = Path(out) / f"part-{number}" if settings.parts > 1 else Path(out)
        write_dataset(own, folder, name="mix", plan={**plan, "part": number}, embed=embed)
        counts = Counter(home[item.id] for item in own)
        made.append(
            {
                "folder": str(folder),
                "items": len(own),
                "different": len({item.id for item in own}),
                "sources": {name: counts[name] for name, _, _ in sources},
                "labels": _labels(own),
            }
        )
    return {**plan, "made": made}


def _labels(items: Sequence[Item]) -> dict[str, int]:
    """Label -> items, of those that have one."""
    counts = Counter(item.contribution.label for item in items if item.contribution)
    return {label: counts[label] for label in LABELS if counts[label]}


def _check(sources: Sequence[tuple[str, Sequence[Item], float]]) -> None:
    known: dict[str, int] = {}
    if not sources or any(not 0 < share < inf for _, _, share in sources):
        raise ConfigError("every source needs a share above 0", hint="Write curated/strong=0.7")
    for number, (name, items, _) in enumerate(sources):
        if not items:
            raise DataError("there are no items to mix", where=name)
        for item in items:
            first = known.setdefault(item.id, number)
            if first != number:
                raise DataError(
                    f"the item {item.id} is in two sources: {sources[first][0]} and {name}",
                    hint="Name folders that share no items, such as weak and strong.",
                )


def _most(sources: Sequence[tuple[str, Sequence[Item], float]]) -> int:
    """The most items that need no repetition."""
    shares, total = [share for *_, share in sources], sum(share for *_, share in sources)
    count = min(int((len(items) + 1) * total / share) for _, items, share in sources)
    count = min(count, sum(len(items) for _, items, _ in sources))
    while count > 1 and any(
        wanted > len(items)
        for wanted, (_, items, _) in zip(shared_out(count, shares), sources, strict=True)
    ):
        count -= 1
    return count


def _enough(sources: Sequence[tuple[str, Sequence[Item], float]], count: int) -> None:
    shares = [share for *_, share in sources]
    for wanted, (name, items, _) in zip(shared_out(count, shares), sources, strict=True):
        if wanted > len(items):
            raise DataError(
                f"{wanted} items are wanted of {len(items)}",
                where=name,
                hint=f"Ask for {_most(sources)} items at most, or use --repeat.",
            )
