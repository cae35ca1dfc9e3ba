"""text-warmup: trains the language model on text, each clip replaced by the names of its sounds.

Items whose facts do not name what is in each clip are left out, and their number is logged. No
audio is loaded. The audio encoder is frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.stage import Stage
from harken.train.text_clips import clip_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWarmupSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage."""

    name: str = "text-warmup"
    lr: float | None = 1e-4
    clips_as_text: bool = True
    groups: tuple[str, ...] = ("lm", "projector")


def text_warmup(
    learner: Learner, items: Sequence[Item], settings: TextWarmupSettings, run: Run
) -> None:
    """Train the groups of the settings with labels in place of clips.

    Raises:
        DataError: no item has labels.
    """
    known = takes(items)
    run.log({"stage": settings.name, "items": len(known), "left_out": len(items) - len(known)})
    train_on_answers(learner, known, settings, run)


def takes(items: Sequence[Item]) -> list[Item]:
    """Items whose facts name what is in each clip."""
    return [item for item in items if clip_labels(item) is not None]


STAGE = Stage(
    "text-warmup",
    "the language model alone, with labels in place of clips",
    TextWarmupSettings,
    text_warmup,
    list,
)
