"""sft: supervised fine-tuning of all parts on the answers (cross-entropy on answer tokens only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.lalm import Lalm
from harken.runs import Run
from harken.train.loop import Teaching, teach


@dataclass(frozen=True, slots=True, kw_only=True)
class SftSettings(Teaching):
    """`Teaching` with the defaults of this stage."""

    name: str = "sft"
    steps: int = 200
    lr: float = 1e-3


def sft(learner: Lalm, items: Sequence[Item], settings: SftSettings, run: Run) -> None:
    """Teach the answers, all parts together."""
    teach(learner, items, settings, run)


STAGE = (sft, SftSettings)
