"""Texts of items for comparison: the same text, its words, and sketches that find similar ones.

MinHash (Broder, "On the resemblance and containment of documents", 1997): the share of equal
minima of two sets under random orders estimates their Jaccard similarity. Minima are joined into
bands, and texts that share a band are compared (Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", ch. 3.4): with b bands of r rows, texts of similarity s share one with probability
1 - (1 - s^r)^b. Of those, the similarity is first estimated from eight bits of every minimum (Li
and Konig, "b-Bit Minwise Hashing", WWW 2010), which are kept, and then computed.

Shingles here are runs of bytes, at most 8, each as one number; so sets of shingles are sorted
arrays, and similarities are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.ask.words import words
from harken.cache import LruCache
from harken.hashing import canonical, digest
from harken.item import Item

ORDERS = 128
"""Random orders, each of which gives one minimum."""

MISSED = 0.01
"""Largest share of pairs at the threshold that share no band."""

MOST_COMPARED = 1024
"""Texts that a text is compared with, those of its rarest bands; the rest is counted."""

_DEVIATIONS = 4.0  # below the threshold by so many, an estimate is not computed in full

_CHUNK = 1024
_CACHED_BYTES = 64 << 20
Numbers = npt.NDArray[np.uint64]


def same_text(item: Item) -> list[Any]:
    """All that is asked and answered, without white space that does not count, options sorted."""
    return [
        _spaced(item.question),
        sorted(map(_spaced, item.choices)),
        _spaced(item.answer),
        _spaced(item.rejected),
        item.task,
        None if item.dialogue is None else item.dialogue.to_dict(),
    ]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def in_words(text: str) -> str:
    """The words of a text, without case, accents and punctuation."""
    return " ".join(words(text))


def written(item: Item) -> str:
    """The question as it is written, with earlier turns; of an open one also the answer."""
    turns = item.dialogue.earlier if item.dialogue is not None else ()
    earlier = [text for turn in turns for text in (turn.question, turn.reply)]
    return _spaced(" ".join([*earlier, item.question, *([] if item.choices else [item.answer])]))


def asked(item: Item) -> str:
    """The words of what is `written`."""
    return in_words(written(item))


def asked_with_options(item: Item) -> str:
    """`asked`, and the words of the options in alphabetical order."""
    return " ".join([asked(item), *sorted(in_words(choice) for choice in item.choices)])


def answered(item: Item) -> str:
    """The words of the answer, where options are given; of an open item they are in `asked`."""
    return in_words(item.answer) if item.choices else ""


def shingles(text: str, size: int) -> Numbers:
    """The runs of `size` bytes (1 to 8) of a text as a sorted array of numbers, each once."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass").ljust(size, b"\0"), np.uint8)
    runs = np.lib.stride_tricks.sliding_window_view(data, size).astype(np.uint64)
    return np.unique(runs @ (np.uint64(256) ** np.arange(size, dtype=np.uint64)))


def jaccard(one: Numbers, other: Numbers) -> float:
    """Size of the intersection by size of the union of two sorted arrays."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def bands_for(threshold: float) -> tuple[int, int]:
    """(bands, rows): the most rows with which pairs at `threshold` are `MISSED` at most."""
    for rows in range(ORDERS, 1, -1):
        bands = ORDERS // rows
        if (1 - threshold**rows) ** bands <= MISSED:
            return bands, rows
    return ORDERS, 1


class Sketches:
    """Bands and minima of many texts: about 500 bytes a text, whatever its length.

    Args:
        texts: gives a text by its place.
        groups: the group of each place; texts of two groups are never similar.
        size: bytes in a shingle.
        threshold: least similarity.
    """

    def __init__(
        self,
        texts: Callable[[int], str],
        groups: Sequence[Hashable],
        size: int,
        threshold: float,
    ) -> None:
        self.texts, self.groups, self.size, self.threshold = texts, groups, size, threshold
        self.bands, self.rows = bands_for(threshold)
        self.not_compared = 0
        self._shingles: LruCache[Numbers] = LruCache(_CACHED_BYTES)
        self._minima = np.zeros((len(groups), self.bands * self.rows), np.uint8)
        self._buckets = self._made(len(groups))

    def _made(self, count: int) -> npt.NDArray[np.int32]:
        """(texts, bands): a number for each band that several texts have, else -1."""
        rng = np.random.default_rng([ORDERS, self.size])
        factors = rng.integers(0, 1 << 63, ORDERS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        offsets = rng.integers(0, 1 << 63, ORDERS, dtype=np.uint64)
        weights = rng.integers(0, 1 << 63, self.rows, dtype=np.uint64) | np.uint64(1)
        used = self.bands * self.rows
        found = np.zeros((count, self.bands), np.uint64)
        for place in range(count):
            own = _mixed(shingles(self.texts(place), self.size))[:, None]
            least = (own * factors[:used] + offsets[:used] >> np.uint64(32)).min(axis=0)
            self._minima[place] = least & np.uint64(255)
            salt = np.uint64(int(digest(canonical(self.groups[place])), 16))
            found[place] = _mixed(least.reshape(self.bands, self.rows) @ weights) ^ salt
        buckets = np.full((count, self.bands), -1, np.int32)
        for band in range(self.bands):
            _, number, sizes = np.unique(found[:, band], return_inverse=True, return_counts=True)
            shared = sizes[number] > 1
            buckets[shared, band] = number[shared]
        return buckets

    def leaders(self, order: Iterable[int]) -> dict[int, tuple[int, float]]:
        """Place -> (the first place in `order` that it is similar to and that stays, similarity).

        A text that is similar to none that stays, stays. `not_compared` counts the pairs that were
        left out because a text shares a band with more than `MOST_COMPARED` that stay.
        """
        held: dict[tuple[int, int], list[int]] = {}
        rank: dict[int, int] = {}
        found: dict[int, tuple[int, float]] = {}
        for place in order:
            keys = [(b, n) for b, n in enumerate(self._buckets[place].tolist()) if n >= 0]
            near: dict[int, None] = {}
            for own in sorted((held.get(key, ()) for key in keys), key=len):
                if len(near) + len(own) > MOST_COMPARED:
                    self.not_compared += len(own)
                else:
                    near |= dict.fromkeys(own)
            others = sorted(
                (n for n in near if self.groups[n] == self.groups[place]), key=rank.__getitem__
            )
            for other in self._promising(place, others):
                alike = jaccard(self._of(place), self._of(other))
                if alike >= self.threshold:
                    found[place] = other, alike
                    break
            else:
                rank[place] = len(rank)
                for key in keys:
                    held.setdefault(key, []).append(place)
        return found

    def _promising(self, place: int, others: Sequence[int]) -> list[int]:
        """Those of `others` whose estimated similarity is not far below the threshold."""
        if not others:
            return []
        equal = (self._minima[others] == self._minima[place]).mean(axis=1)
        estimate = (equal - 1 / 256) / (1 - 1 / 256)
        deviation = np.sqrt(self.threshold * (1 - self.threshold) / self._minima.shape[1])
        near = np.flatnonzero(estimate >= self.threshold - _DEVIATIONS * deviation - 1e-9)
        return [others[n] for n in near.tolist()]

    def _of(self, place: int) -> Numbers:
        known = self._shingles.get(place)
        if known is None:
            known = shingles(self.texts(place), self.size)
            self._shingles.put(place, known, known.nbytes + 200)
        return known


def _mixed(values: Numbers) -> Numbers:
    """Numbers of 64 bits scrambled one to one (the finaliser of SplitMix64; Steele et al. 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
