"""What a dataset will take: storage and time, from a few of its items made here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harken.errors import HarkenError
from harken.shards.build import Unit
from harken.shards.write import ShardFile, head_of

SAMPLE = 16
"""Items that are made for an estimate, from units that are evenly spread."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a dataset is expected to take.

    Attributes:
        units: of work, a shard each.
        items: in all.
        bytes: of its shards.
        seconds: of one worker, with what the computer does now.
        sample: items that this was measured on.
    """

    units: int
    items: int
    bytes: int
    seconds: float
    sample: int


def estimate(
    units: Sequence[Unit],
    shared: tuple[Any, ...],
    *,
    embed: bool,
    root: Path | str | None,
    sample: int = SAMPLE,
) -> Estimate:
    """Make a few items, the first ones of units that are evenly spread, and measure them.

    Large shards compress a little better than the sample: storage is rather less than estimated.
    """
    step = max(1, len(units) // sample)
    items = sum(unit.items for unit in units)
    size, seconds, made = 0, 0.0, 0
    with TemporaryDirectory(prefix="harken-estimate-") as name:
        head = head_of(Path(name), "estimate", None, embed, root, 0)
        ShardFile(head, 0, "").close()
        empty = head.path(0).stat().st_size
        shard = ShardFile(head, 1, "")
        begin = time.perf_counter()
        for unit in units[::step][:sample]:
            try:
                for item in islice(unit.make(*shared), 1):
                    shard.add(item)
                    made += 1
            except (HarkenError, OSError):  # told when it is made
                continue
        shard.close()
        seconds = time.perf_counter() - begin
        size = head.path(1).stat().st_size - empty
    each = size / max(1, made)
    return Estimate(
        len(units),
        items,
        round(len(units) * empty + items * each),
        round(seconds / max(1, made) * items, 3),
        made,
    )
