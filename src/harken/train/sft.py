"""sft: supervised fine-tuning of all parts on the answers (cross-entropy on answer tokens only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.loop import TrainSettings, train_on_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class SftSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage."""

    name: str = "sft"
    steps: int = 200
    lr: float = 1e-3


def sft(learner: ComposedModel, items: Sequence[Item], settings: SftSettings, run: Run) -> None:
    """Teach the answers, all parts together."""
    train_on_answers(learner, items, settings, run)


STAGE = (sft, SftSettings)
