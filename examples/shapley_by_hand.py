"""Which clip matters? Shapley shares and the interaction of two clips, in bits.

Run: ``python examples/shapley_by_hand.py`` (numbers only; no audio, no model).

The value of a set of clips is log2 p(gold) when they are audible and the others are silenced.
"""

from __future__ import annotations

from math import log2

from harken.curate.shapley import Subset, interaction, shapley


def show(name: str, none: float, first: float, second: float, both: float) -> None:
    """One two-clip question, by the probability of the gold answer under each set of clips."""
    values: dict[Subset, float] = {
        frozenset(): log2(none),
        frozenset({0}): log2(first),
        frozenset({1}): log2(second),
        frozenset({0, 1}): log2(both),
    }
    shares = shapley(values, 2)
    gain = values[frozenset({0, 1})] - values[frozenset()]
    assert abs(sum(shares) - gain) < 1e-12  # the shares always sum to what the audio adds
    print(
        f"{name:34} clip 1 {shares[0]:+.2f}  clip 2 {shares[1]:+.2f}"
        f"  sum {gain:+.2f}  interaction {interaction(values):+.2f}"
    )


show("one clip decides", none=0.5, first=0.95, second=0.5, both=0.95)
show("either clip will do", none=0.5, first=0.95, second=0.95, both=0.96)
show("only both together (a comparison)", none=0.5, first=0.5, second=0.5, both=0.95)
show("the second clip misleads", none=0.5, first=0.9, second=0.3, both=0.8)
