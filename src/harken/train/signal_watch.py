"""Watches for rollouts that teach nothing, and ends a stage that has had no signal for too long.

There is none in a turn whose groups have equal rewards each, so that no advantage is left, none in
one whose replies were all left out (by a server, or since a reward has no value), and none that is
that of whole replies where all were cut off: what was learned there is from cut replies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from harken.errors import NoSignal

_ALIKE = "all rewards of each group were equal"
_CUT = "all replies were cut off"
_LEFT_OUT = "all replies were left out"
_HINTS = {
    _CUT: "Raise max_tokens, or reward short replies (length).",
    _LEFT_OUT: "Look at left_out in rollouts.jsonl: it has the reason of each reply.",
}


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
        self._reasons: list[tuple[str, bool, float | None]] = []
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
        reason = ""
        nothing = about["groups_left_out"] == about["groups"]
        if not about["replies"]:
            reason = _LEFT_OUT
        elif about["cut_off"] == about["replies"]:
            reason = _CUT
        elif nothing:
            reason = _ALIKE
        if reason:
            self._reasons.append((reason, nothing, about["reward"]))
        else:
            self._reasons.clear()

    def _error(self) -> NoSignal:
        count = len(self._reasons)
        reasons = Counter(reason for reason, _, _ in self._reasons)
        most = max(reasons, key=lambda reason: reasons[reason])
        hint = _HINTS.get(most) or (
            f"The mean reward was {self._mean_reward()}: use easier or harder items, a higher "
            "temperature, larger groups, or a reward with more than two values."
        )
        told = " and ".join(f"{reason} in {number}" for reason, number in reasons.items())
        learned = sum(not nothing for _, nothing, _ in self._reasons)
        what = f"In {learned} of them something was learned, from replies that were cut off"
        return NoSignal(
            f"no signal in {count} turns in a row: {told}. "
            f"{what if learned else 'Nothing was learned in them'}",
            where=self._stage,
            hint=f"{hint} signal_patience=0 goes on regardless.",
        )

    def _mean_reward(self) -> str:
        known = [reward for _, _, reward in self._reasons if reward is not None]
        return f"{sum(known) / len(known):g}" if known else "not known"
