"""The reference of all headline figures: the control that is hardest to beat.

A gain, its p, the bits of the audio and the verdict are all over one condition, which is named
beside them. Otherwise a page could say that there is no proof that a model listens (over another
item's audio) above a gain of a bit (over none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harken.ask.conditions.load import is_control

Json = Mapping[str, Any]


def controls(names: Iterable[str]) -> list[str]:
    """Those of `names` without any sound of the item: what audio has to beat, none first.

    A transcript tells of the sound, so it is no control; nor is a condition not installed here.
    """
    order = {name: place for place, name in enumerate(("none", "silence", "silence-30", "swap"))}
    found = [name for name in names if is_control(name)]
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def reference(results: Json) -> str:
    """The hardest control over all tasks; empty if audio was paired with none of them."""
    row = results["overall"]
    known = [name for name, gain in row["gains"].items() if gain["difference"] is not None]
    # The first of equal ones: none before silence before swap.
    return min(controls(known), key=lambda name: _proof(row["gains"][name]), default="")


def gain_over(row: Json, name: str) -> Json:
    """The gain of audio over a control in one row (a task, or all); empty where none was paired."""
    gain = row["gains"].get(name) or {}
    return gain if gain.get("difference") is not None else {}


def _proof(gain: Json) -> tuple[float, float]:
    """How well it is shown that audio beats a control: least for the hardest one.

    The first is minus the p of the one-sided test. Of the control that ranks lowest p is the
    largest, so audio beats every control if it beats this one, and that needs no correction for
    their number (intersection-union test, Berger 1982).
    """
    half = gain["p"] / 2
    return -(half if gain["difference"] > 0 else 1 - half), gain["difference"]
