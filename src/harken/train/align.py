"""align: trains the projector to map audio into the language model's embedding space.

Trained on open-ended items whose answers name or transcribe the sounds; the gradient passes through
the frozen language model. The audio encoder is frozen if it is pretrained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.check import require_clips
from harken.train.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage.

    Attributes:
        groups: none named: the projector, and the audio encoder where it has fresh weights. A
            pretrained encoder that is trained with a fresh projector forgets what it knows before
            the projector has learned to pass it on.
    """

    name: str = "align"
    groups: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        named = self if self.groups else replace(self, groups=("projector",))
        return TrainSettings.faults(named)


def align(learner: Learner, items: Sequence[Item], settings: AlignSettings, run: Run) -> None:
    """Train the groups of the settings on answers that name the sounds.

    Raises:
        DataError: an item has no clips.
    """
    require_clips(items, settings.name)
    if not settings.groups:
        fresh = ("audio_encoder",) if learner.fresh_encoder else ()
        settings = replace(settings, groups=(*fresh, "projector"))
    train_on_answers(learner, items, settings, run)


def takes(items: Sequence[Item]) -> list[Item]:
    """Open-ended items with clips."""
    return [item for item in items if item.clips and not item.choices]


STAGE = Stage("align", "projector only, on captions and transcripts", AlignSettings, align, takes)
