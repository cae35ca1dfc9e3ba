"""Adds a training stage: answers by the language model alone, the audio side frozen.

Run:  harken --plugin examples/plugins/stage_lm_only.py train lm-only items --model MODEL -o out
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.stage import Stage
from harken.train.stages import STAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class LmOnlySettings(TrainSettings):
    """Neutral, but for the groups."""

    name: str = "lm-only"
    groups: tuple[str, ...] = ("lm",)


def lm_only(learner: Learner, items: Sequence[Item], settings: LmOnlySettings, run: Run) -> None:
    train_on_answers(learner, items, settings, run)


STAGES.add(Stage("lm-only", "answers by the language model alone", LmOnlySettings, lm_only, list))
