"""How much of a staged scene must be heard to answer: by a caption not at all, or by a window.

Both are computed from what is in the scene. The caption is the sentence that a captioner might
write: the labels of all that is heard, the loudest first, each once, without times, numbers or
places. The window is the shortest stretch of the clip with all events whole on which the answer
depends; what holds for a whole clip (there is none, there are three) needs the whole clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.item import ListeningNeed

Events = Sequence[Mapping[str, Any]]
"""Rows of the events of a staged scene, as `harken.synth.staged.stage` writes them."""


def caption_of(scene: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels of all that is heard in a scene, the loudest first, each once."""
    rows = sorted(scene["events"], key=lambda row: -row["level_db"])
    return tuple(dict.fromkeys(row["name"] for row in rows))


def left_open(scene: Mapping[str, Any], choices: Sequence[str]) -> bool:
    """Whether the caption leaves more than one of the choices: those that name what is in it."""
    return len({*choices} & {*caption_of(scene)}) > 1


def need_of(
    scene: Mapping[str, Any],
    caption_proof: bool,
    enough: Callable[[Events], bool] | None = None,
) -> ListeningNeed:
    """What an item about a scene needs.

    Args:
        scene: as `harken.synth.staged.stage` wrote it.
        caption_proof: whether its caption leaves more than one answer.
        enough: whether the events that are heard whole in a stretch suffice; None: no stretch but
            the whole clip does.
    """
    clip_s = scene["duration_s"]
    return ListeningNeed(caption_proof, shortest(scene["events"], enough, clip_s), clip_s)


def shortest(events: Events, enough: Callable[[Events], bool] | None, clip_s: float) -> float:
    """Length (s) of the shortest stretch whose whole events suffice; of the clip if none does.

    A shortest stretch begins with an event and ends with one, so these alone are tried.
    """
    best = clip_s
    for begin in events if enough is not None else ():
        for end in events:
            start_s, stop_s = begin["heard"][0], end["heard"][1]
            if not 0 < stop_s - start_s < best:
                continue
            inside = [
                row for row in events if start_s <= row["heard"][0] and row["heard"][1] <= stop_s
            ]
            if enough is not None and enough(inside):
                best = stop_s - start_s
    return round(best, 4)


def holds(*names: str) -> Callable[[Events], bool]:
    """Whether all these names are among the events."""
    wanted = {*names}
    return lambda events: wanted <= {row["name"] for row in events}


def need_row(need: ListeningNeed | None) -> tuple[float, float, float]:
    """What an item needs as three numbers, in the order of `NeedTally`; NaN is not known."""
    if need is None:
        return math.nan, math.nan, math.nan
    proof, share = need.caption_proof, need.share
    return (
        math.nan if proof is None else float(proof),
        math.nan if need.window_s is None else need.window_s,
        math.nan if share is None else share,
    )


class NeedTally:
    """Means of what items need, by family, in constant memory."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._sums: dict[str, dict[str, list[float]]] = {}

    def add(self, family: str, need: ListeningNeed | None) -> None:
        """Count one item; what is not known of it is left out."""
        own = self._sums.setdefault(family, {name: [0.0, 0.0] for name in _NUMBERS})
        for name in _NUMBERS if need is not None else ():
            value = getattr(need, name)
            if value is not None:
                own[name][0] += float(value)
                own[name][1] += 1

    def add_rows(self, family: str, rows: NDArray[np.float64]) -> None:
        """Count many items, a row of `need_row` each: (n, 3)."""
        own = self._sums.setdefault(family, {name: [0.0, 0.0] for name in _NUMBERS})
        known = ~np.isnan(rows)
        totals = np.where(known, rows, 0.0).sum(axis=0)
        for name, total, number in zip(_NUMBERS, totals, known.sum(axis=0), strict=True):
            own[name][0] += float(total)
            own[name][1] += int(number)

    def update(self, other: NeedTally) -> None:
        """Add the counts of another tally."""
        for family, sums in other._sums.items():
            own = self._sums.setdefault(family, {name: [0.0, 0.0] for name in _NUMBERS})
            for name, (total, number) in sums.items():
                own[name][0] += total
                own[name][1] += number

    def summary(self) -> dict[str, dict[str, float | None]]:
        """By family: share of caption-proof items, mean window (s), mean share of the clip.

        A number is None where it is known of no item. Families of which nothing is known are not
        there.
        """
        found = {
            family: {name: round(total / n, 4) if n else None for name, (total, n) in own.items()}
            for family, own in self._sums.items()
        }
        return {name: own for name, own in sorted(found.items()) if {*own.values()} != {None}}


_NUMBERS = ("caption_proof", "window_s", "share")
