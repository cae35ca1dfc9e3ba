"""align: trains the projector to map audio into the language model's embedding space.

Trained on open-ended items whose answers name or transcribe the sounds; the gradient passes through
the frozen language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.check import require_clips
from harken.train.stage import Stage
from harken.train.train_loop import TrainSettings, train_on_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage: the projector alone, at a high rate."""

    name: str = "align"
    lr: float = 1e-3
    groups: tuple[str, ...] = ("projector",)


def align(learner: Learner, items: Sequence[Item], settings: AlignSettings, run: Run) -> None:
    """Train the groups of the settings on answers that name the sounds.

    Raises:
        DataError: an item has no clips.
    """
    require_clips(items, settings.name)
    train_on_answers(learner, items, settings, run)


def takes(items: Sequence[Item]) -> list[Item]:
    """Open-ended items with clips."""
    return [item for item in items if item.clips and not item.choices]


STAGE = Stage("align", "projector only, on captions and transcripts", AlignSettings, align, takes)
