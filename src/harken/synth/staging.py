"""How scenes are staged, besides what is asked: settings for all families of a dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from harken.errors import ConfigError
from harken.synth.scenes.spec import Surroundings

SHORTEST_LONG_S = 60.0
"""Shorter scenes are no long ones, in seconds."""


@dataclass(frozen=True, slots=True)
class Staging:
    """Settings of staged scenes.

    Attributes:
        long_s: lengths of long scenes in seconds, which take turns.
        around: a background and a room for each scene; None: silence, and no reflections.

    Raises:
        ConfigError: no length, or one under `SHORTEST_LONG_S`.
    """

    long_s: tuple[float, ...] = (120.0, 300.0, 600.0)
    around: Surroundings | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be staged."""
        if not self.long_s or min(self.long_s) < SHORTEST_LONG_S:
            raise ConfigError(
                f"long scenes of {list(self.long_s)} s",
                hint=f"Give lengths of {SHORTEST_LONG_S:g} s or more.",
            )

    def to_dict(self) -> dict[str, Any]:
        """What differs from the usual settings, JSON-able; empty if nothing does."""
        usual, own = asdict(Staging()), asdict(self)
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in own.items()
            if value != usual[key]
        }


USUAL = Staging()
