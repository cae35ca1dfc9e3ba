"""sft: supervised fine-tuning on the answers (cross-entropy on answer tokens only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class SftSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage."""

    name: str = "sft"


def sft(learner: Learner, items: Sequence[Item], settings: SftSettings, run: Run) -> None:
    """Train the groups of the settings, together, on the answers."""
    train_on_answers(learner, items, settings, run)


STAGE = Stage("sft", "supervised fine-tuning on the answers", SftSettings, sft, list)
