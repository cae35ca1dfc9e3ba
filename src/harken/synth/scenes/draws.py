"""Numbers that are declared as distributions, and drawn as constants.

As YAML: a number is a constant; ``{choice: [1, 2, 3]}``, ``{uniform: [low, high]}``,
``{normal: [mean, sd]}`` and ``{truncated: [mean, sd, low, high]}`` (a normal distribution drawn
anew until it is within its limits) are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.errors import ConfigError

ARGUMENTS = {"uniform": 2, "normal": 2, "truncated": 4}
"""How many numbers each distribution takes; ``choice`` takes any, 1 or more."""

DECIMALS = 4
"""Drawn numbers are rounded to so many, so that plans are short and exact."""

_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Distribution:
    """A number that is drawn.

    Attributes:
        name: ``choice``, ``uniform``, ``normal`` or ``truncated``.
        values: its arguments.
    """

    name: str
    values: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> float:
        """One number, rounded to `DECIMALS`; a constant draws nothing.

        Raises:
            ConfigError: of a truncated distribution no number within its limits is found.
        """
        if len(self.values) == 1:
            return self.values[0]
        if self.name == "choice":
            return self.values[int(rng.integers(len(self.values)))]
        if self.name == "uniform":
            return round(float(rng.uniform(self.values[0], self.values[1])), DECIMALS)
        mean, sd, *limits = self.values
        low, high = limits or (-math.inf, math.inf)
        for _ in range(_TRIES):
            found = round(float(rng.normal(mean, sd)), DECIMALS)
            if low <= found <= high:
                return found
        raise ConfigError(
            f"{_TRIES} draws of {self.to_value()} gave no number within its limits",
            hint="Bring the mean nearer to the limits, or use uniform.",
        )

    def count(self, rng: np.random.Generator) -> int:
        """A whole number, 0 or more."""
        return max(0, round(self.draw(rng)))

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest number that can be drawn."""
        if self.name == "normal" and len(self.values) > 1 and self.values[1] > 0:
            return -math.inf, math.inf
        own = self.values[2:] if self.name == "truncated" else self.values
        return min(own), max(own)

    def to_value(self) -> Any:
        """As it is declared."""
        return self.values[0] if len(self.values) == 1 else {self.name: list(self.values)}


def constant(value: float) -> Distribution:
    """Always the same number."""
    return Distribution("choice", (value,))


def distribution(raw: Any, where: str) -> Distribution:
    """The distribution that a value of a declaration stands for.

    Raises:
        ConfigError: it stands for none.
    """
    if _is_number(raw):
        return constant(float(raw))
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ConfigError(
            f"{raw!r} is neither a number nor a distribution", where=where, hint=_HINT
        )
    ((name, values),) = raw.items()
    values = list(values) if isinstance(values, list | tuple) else [values]
    if name not in ("choice", *ARGUMENTS) or not values or not all(map(_is_number, values)):
        raise ConfigError(f"{dict(raw)!r} is no distribution", where=where, hint=_HINT)
    wanted = ARGUMENTS.get(name, len(values))
    if len(values) != wanted:
        raise ConfigError(
            f"{name} takes {wanted} numbers, not {len(values)}", where=where, hint=_HINT
        )
    low, high = values[-2:] if wanted > 1 else (0.0, 0.0)
    if name in ("uniform", "truncated") and low > high:
        raise ConfigError(f"{name} from {low:g} to {high:g}", where=where, hint=_HINT)
    if name in ("normal", "truncated") and values[1] < 0:
        raise ConfigError(f"a standard deviation of {values[1]:g}", where=where, hint=_HINT)
    return Distribution(name, tuple(map(float, values)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_HINT = (
    "A number, {choice: [1, 2]}, {uniform: [low, high]}, {normal: [mean, sd]} or "
    "{truncated: [mean, sd, low, high]}."
)
