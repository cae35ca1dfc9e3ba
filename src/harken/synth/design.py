"""Block designs: which answer, label and count the n-th item of a family has.

`BlockDesign` is a nested block design (a factorial laid out in blocks, each block shuffled by the
seed). The first `turn(a)` runs through the a answers once in every block of a items; the next
`turn(l)` runs through l labels once in every l items *of that answer*; and so on. So the n-th item
is known without drawing those before it, and whatever the number of items, all values come equally
often, to within one unfinished block.

What the question asks for is drawn `aside`: balanced, but independent of the answer. Balancing the
answer exactly *under each label* would be wrong: what is exactly balanced over all items has the
opposite imbalance in any held-out part, so a text-only baseline fitted on nine tenths of a split
would score far below chance on the last tenth (0.24 instead of 0.36 was measured for which-clip),
and audio would seem to contribute more than it does.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np


def number(text: str) -> int:
    """CRC-32 of a name, for use in seeds."""
    return zlib.crc32(text.encode())


def generator(*key: int) -> np.random.Generator:
    """The generator of ``numpy.random.default_rng(list(key))``, made in a third of the time.

    numpy turns a list of numbers into words of 32 bits one by one. Here the words are given, where
    each number is one; a dataset makes a few generators an item.
    """
    if max(key) >> 32 or min(key) < 0:
        return np.random.default_rng(list(key))
    words = np.array(key, np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


@lru_cache(maxsize=4096)
def shuffled(key: tuple[int, ...], n: int) -> tuple[int, ...]:
    """A permutation of range(n) that depends on the integers in `key` only."""
    return tuple(int(i) for i in generator(*key).permutation(n))


ASIDE = number("aside")
"""Draw key of `BlockDesign.aside`, so that its permutations differ from those of `turn`."""

TOSS = number("toss")
"""Draw key of `BlockDesign.toss`."""


class BlockDesign:
    """A nested block design at one index.

    Args:
        key: integers that identify the design (seed, family, split).
        index: which item, 0 and up.
    """

    def __init__(self, key: tuple[int, ...], index: int) -> None:
        """No value is drawn yet."""
        self._key = key
        self._at = index

    def turn(self, n: int) -> int:
        """A value in range(n), each once in every n items that agree in all earlier turns."""
        block, slot = divmod(self._at, n)
        value = shuffled((*self._key, n, block), n)[slot]
        self._key = (*self._key, n, value)
        self._at = block
        return value

    def aside(self, n: int) -> int:
        """A value in range(n), each once in every n items that agree in all earlier turns.

        It is independent of later turns.
        """
        block, slot = divmod(self._at, n)
        return shuffled((*self._key, ASIDE, n, block), n)[slot]

    def toss(self, n: int) -> int:
        """A value in range(n), drawn for this item alone: balanced as chance has it.

        For answers of which nothing but their position is in the text: balanced exactly, they would
        put a text-only baseline that is fitted on other items far below chance. Unlike a draw of
        `rng` it is the same in every attempt, so that no answer is rarer since it fails more often.
        """
        return int(generator(*self._key, TOSS, n, self._at).integers(n))

    def shift(self, n: int) -> int:
        """A number in 1..n-1, the same for a whole block of the last turn.

        Added (modulo n) to the last turn's value, it gives a second value that always differs from
        the first and is balanced over the block: "different" pairs have the marginals of "same".
        """
        return 1 + shuffled((*self._key[:-1], 0, self._at), n - 1)[0]
