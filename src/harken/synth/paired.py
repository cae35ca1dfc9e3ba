"""Items in pairs: two draws that belong together, of which an item is one.

Two items of a pair follow one another and have the same ``twins``; where an odd number of items is
drawn, the last one is alone. Both are drawn for either of them, from the number of the pair alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harken.hashing import canonical, digest
from harken.synth.design import BlockDesign
from harken.synth.question import Draw, Picks

TRIES = 32
"""Draws of a pair before it counts as one that cannot be made."""


def one_of_pair(draw: Draw, both: Callable[[Draw], tuple[Picks, Picks] | None]) -> Picks | None:
    """The item of a place, of the pair that it belongs to; None if the pair cannot be made.

    Args:
        draw: of the item.
        both: draws the pair; its design is that of the pairs. None: the try has failed.
    """
    *key, index = draw.key
    shared = draw.group(2)
    for _ in range(TRIES):
        found = both(replace(shared, design=BlockDesign(tuple(key), index // 2)))
        if found is not None:
            own = found[index % 2]
            link = digest(canonical([*key, index // 2]))
            return Picks(own.recordings, {"twins": link, **own.values})
    return None
