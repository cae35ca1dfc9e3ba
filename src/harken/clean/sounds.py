"""Which clips hold the same recording: each is assigned to the clips before it that it repeats.

Clips that repeat nothing stand for those that repeat them. Only they are indexed, so a recording
with a thousand copies fills the index once, and no copy is lost in a list of candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

from harken.audio.fingerprint import Fingerprint, FingerprintIndex
from harken.progress import track

_BLOCK = 64  # clips in the index that is sorted anew for each of them
_GROWTH = 4  # an index is merged with the one before it that is not this many times larger


def represented(prints: Sequence[Fingerprint | None]) -> list[tuple[int, ...]]:
    """For each fingerprint the places of those that it repeats, surest first; its own if none.

    Args:
        prints: in the order of preference; None, or a silent one, repeats nothing.
    """
    found: list[tuple[int, ...]] = []
    grown: list[_Index] = []
    open_: _Index = _Index()
    for place, own in enumerate(track(prints, f"compare {len(prints)} fingerprints")):
        if own is None or not own.clear.any():
            found.append((place,))
            continue
        matches = [match for index in (*grown, open_) for match in index.find(own)]
        if matches:
            found.append(tuple(held for _, held in sorted(matches)))
            continue
        found.append((place,))
        open_.add(place, own)
        if len(open_.places) >= _BLOCK:
            grown.append(open_)
            open_ = _Index()
            while len(grown) > 1 and len(grown[-2].places) < _GROWTH * len(grown[-1].places):
                last = grown.pop()
                for held, one in zip(last.places, last.prints, strict=True):
                    grown[-1].add(held, one)
    return found


class _Index:
    """Fingerprints with their places."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.prints: list[Fingerprint] = []
        self._index = FingerprintIndex()

    def add(self, place: int, own: Fingerprint) -> None:
        self.places.append(place)
        self.prints.append(own)
        self._index.add(own)

    def find(self, own: Fingerprint) -> list[tuple[float, int]]:
        """(share of differing bits, place) of each match."""
        if not self.places:
            return []
        return [(match.errors, self.places[match.number]) for match in self._index.find(own)]
