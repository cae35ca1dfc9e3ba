"""Which items are in a step: one permutation after the other, or by what the items need.

After MAPLE (arXiv 2602.11596), which stratifies batches by the modalities that a task requires, so
that the advantages of a batch are of one kind and their gradient varies less. Here an item needs
``audio`` (labelled strong by `harken curate`), ``text`` only (weak, or without clips) or is
``unknown`` (undecided, or not measured). Departures: a step has items of one such stratum, strata
take turns in proportion to their sizes; MAPLE's adaptive weights and its curriculum are not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from zlib import crc32

from harken.item import Item
from harken.train.batch import epoch_picks

STRATA = ("audio", "text", "unknown")


def needs(item: Item) -> str:
    """The stratum of an item."""
    if not item.clips:
        return "text"
    label = item.contribution.label if item.contribution else ""
    return {"strong": "audio", "weak": "text"}.get(label, "unknown")


class ItemPicker:
    """Picks the items of every turn; a pure function of items, seed and turn.

    Args:
        items: of the stage.
        size: of a turn.
        seed: of the order.
        stratify: the items of a turn are of one stratum.
    """

    def __init__(self, items: Sequence[Item], size: int, seed: int, stratify: bool) -> None:
        self._count, self._size, self._seed = len(items), size, seed
        groups = {name: [i for i, item in enumerate(items) if needs(item) == name]
                  for name in STRATA}  # fmt: skip
        self._groups = {name: own for name, own in groups.items() if own} if stratify else {}
        self._order: list[tuple[str, int]] = []
        self._done: Counter[str] = Counter()

    def picks(self, turn: int) -> list[int]:
        """Indices of the items of a turn; a stratum smaller than a turn is repeated in it."""
        if not self._groups:
            return epoch_picks(self._count, self._size, self._seed, turn)
        name, number = self._stratum(turn)
        own = self._groups[name]
        seed = self._seed + crc32(name.encode())
        return [own[i] for i in epoch_picks(len(own), self._size, seed, number)]

    def stratum(self, turn: int) -> str:
        """The stratum of a turn; empty where turns are not stratified."""
        return self._stratum(turn)[0] if self._groups else ""

    def used(self, turns: int) -> list[int]:
        """Indices of the items in any of the first `turns` turns, in order."""
        if not self._groups and turns * self._size >= self._count:
            return list(range(self._count))
        return sorted({i for turn in range(turns) for i in self.picks(turn)})

    def _stratum(self, turn: int) -> tuple[str, int]:
        """The stratum of a turn, and how many turns it has had: the one most behind its share."""
        while len(self._order) <= turn:
            number = len(self._order) + 1
            name = max(
                self._groups,
                key=lambda n: len(self._groups[n]) * number / self._count - self._done[n],
            )
            self._order.append((name, self._done[name]))
            self._done[name] += 1
        return self._order[turn]
