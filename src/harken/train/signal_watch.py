"""Watches for rollouts that teach nothing, and ends a stage that has had no signal for too long.

There is none in a step whose groups have equal rewards each, so that no advantage is left, or whose
replies were all cut off, so that no reward is that of a whole reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harken.errors import NoSignal

_ALIKE, _CUT = "all rewards of each group were equal", "all replies were cut off"


class SignalWatch:
    """Counts the turns in a row without a signal.

    Args:
        stage: its name.
        patience: turns after which the stage ends; 0: never.
        earlier: metrics of the turns so far, where a run goes on.
    """

    def __init__(
        self, stage: str, patience: int, earlier: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._stage = stage
        self._patience = patience
        self._reasons: list[tuple[str, float]] = []
        for about in earlier:
            self._count(about)

    def add(self, about: Mapping[str, Any]) -> None:
        """Count one more turn, by its metrics.

        Raises:
            NoSignal: patience is at its end.
        """
        self._count(about)
        if self._patience and len(self._reasons) >= self._patience:
            raise self._error()

    def _count(self, about: Mapping[str, Any]) -> None:
        reason = _CUT if about["cut_off"] and about["cut_off"] == about["replies"] else ""
        if about["groups_left_out"] == about["groups"]:
            reason = reason or _ALIKE
        if reason:
            self._reasons.append((reason, float(about["reward"] or 0.0)))
        else:
            self._reasons.clear()

    def _error(self) -> NoSignal:
        cut = sum(reason == _CUT for reason, _ in self._reasons)
        count = len(self._reasons)
        mean = sum(reward for _, reward in self._reasons) / count
        if 2 * cut > count:
            hint = "Raise max_tokens, or reward short replies (length)."
        else:
            hint = (
                f"The mean reward was {mean:g}: use easier or harder items, a higher temperature, "
                "larger groups, or a reward with more than two values."
            )
        told = " and ".join(
            f"{what} in {n}" for what, n in ((_ALIKE, count - cut), (_CUT, cut)) if n
        )
        return NoSignal(
            f"no signal in {count} steps in a row: {told}. Nothing was learned in them",
            where=self._stage,
            hint=f"{hint} signal_patience=0 goes on regardless.",
        )
