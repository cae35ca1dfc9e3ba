"""align: the audio side learns to speak the language model's language, which is frozen.

The encoder and the projector are taught on items with open answers that name what is heard; the
gradient passes through the language model and leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.errors import DataError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.loop import TrainSettings, train_on_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage."""

    name: str = "align"
    steps: int = 150
    batch: int = 24
    lr: float = 2e-3
    modality_dropout: float = 0.0
    groups: tuple[str, ...] = ("audio_encoder", "projector")


def align(learner: ComposedModel, items: Sequence[Item], settings: AlignSettings, run: Run) -> None:
    """Teach the audio side to name what is heard; items without clips are refused.

    Raises:
        DataError: an item has no clips: nothing could be aligned to it.
    """
    deaf = sum(not item.clips for item in items)
    if deaf:
        raise DataError(
            f"{deaf} of {len(items)} items have no clips", hint="Align on items with audio only."
        )
    train_on_answers(learner, items, settings, run)


STAGE = (align, AlignSettings)
