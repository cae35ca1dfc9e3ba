"""When the events of a scene begin, so that those that may not overlap do not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harken.synth.scenes.draws import DECIMALS, Distribution
from harken.synth.scenes.spec import Overlap

_TRIES = 64


@dataclass(slots=True)
class Timeline:
    """Stretches of time that are taken.

    Attributes:
        duration_s: of the scene.
        taken: (begin, end) of all that is placed; `closed`: of what nothing may overlap.
    """

    duration_s: float
    taken: list[tuple[float, float]] = field(default_factory=list)
    closed: list[tuple[float, float]] = field(default_factory=list)

    def place(
        self,
        length_s: float,
        onset: Distribution | None,
        overlap: Overlap,
        rng: np.random.Generator,
    ) -> float | None:
        """Begin of a stretch, which is taken then; None where 64 tries find no free one.

        Args:
            length_s: its length.
            onset: when it begins; None: anywhere in the scene, all times equally likely.
            overlap: whether other stretches may overlap it; ``always``: one does, for half of the
                shorter of the two or more.
            rng: draws.
        """
        room_s = self.duration_s - length_s
        if room_s < 0:
            return None
        for _ in range(_TRIES):
            drawn = self._begin(length_s, overlap, rng) if onset is None else onset.draw(rng)
            at_s = round(float(drawn), DECIMALS)
            if 0 <= at_s <= room_s and self._free(at_s, at_s + length_s, overlap):
                self.take(at_s, at_s + length_s, overlap is not False)
                return at_s
        return None

    def take(self, begin_s: float, end_s: float, overlap: bool) -> None:
        """Mark a stretch as taken, and closed unless it may be overlapped."""
        self.taken.append((begin_s, end_s))
        if not overlap:
            self.closed.append((begin_s, end_s))

    def _begin(self, length_s: float, overlap: Overlap, rng: np.random.Generator) -> float:
        """Any begin in the scene, or one at which a stretch that is taken is overlapped."""
        low, high = 0.0, self.duration_s - length_s
        if overlap == "always" and self.taken:
            begin_s, end_s = self.taken[int(rng.integers(len(self.taken)))]
            both_s = min(length_s, end_s - begin_s) / 2
            low, high = max(low, begin_s + both_s - length_s), min(high, end_s - both_s)
        return float(rng.uniform(low, max(low, high)))

    def _free(self, begin_s: float, end_s: float, overlap: Overlap) -> bool:
        others = self.taken if overlap is False else self.closed
        free = all(end_s <= a or begin_s >= b for a, b in others)
        return free and (overlap != "always" or self._overlaps(begin_s, end_s))

    def _overlaps(self, begin_s: float, end_s: float) -> bool:
        """Whether a stretch that is taken is overlapped for half of the shorter of the two."""
        return any(
            min(end_s, b) - max(begin_s, a) >= min(end_s - begin_s, b - a) / 2 - 10**-DECIMALS
            for a, b in self.taken
        )
