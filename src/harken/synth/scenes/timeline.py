"""When the events of a scene begin, so that those that may not overlap do not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harken.synth.scenes.draws import DECIMALS, Distribution

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
        self, length_s: float, onset: Distribution | None, overlap: bool, rng: np.random.Generator
    ) -> float | None:
        """Begin of a stretch, which is taken then; None where 64 tries find no free one.

        Args:
            length_s: its length.
            onset: when it begins; None: anywhere in the scene, all times equally likely.
            overlap: whether other stretches may overlap it.
            rng: draws.
        """
        room_s = self.duration_s - length_s
        if room_s < 0:
            return None
        for _ in range(_TRIES):
            drawn = rng.uniform(0.0, room_s) if onset is None else onset.draw(rng)
            at_s = round(float(drawn), DECIMALS)
            if 0 <= at_s <= room_s and self._free(at_s, at_s + length_s, overlap):
                self.take(at_s, at_s + length_s, overlap)
                return at_s
        return None

    def take(self, begin_s: float, end_s: float, overlap: bool) -> None:
        """Mark a stretch as taken, and closed unless it may be overlapped."""
        self.taken.append((begin_s, end_s))
        if not overlap:
            self.closed.append((begin_s, end_s))

    def _free(self, begin_s: float, end_s: float, overlap: bool) -> bool:
        others = self.closed if overlap else self.taken
        return all(end_s <= a or begin_s >= b for a, b in others)
