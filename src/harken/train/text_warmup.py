"""warm: the language model learns the questions on text; each clip is the words for what it holds.

Items whose plan does not say what is heard in each clip are left out, and their number is logged.
No sound is loaded. The audio side is frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.loop import TrainSettings, train_on_answers
from harken.train.text_clips import heard_names


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWarmupSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage."""

    name: str = "warm"
    steps: int = 300
    batch: int = 64
    lr: float = 2e-3
    modality_dropout: float = 0.0
    words: bool = True
    augment: bool = False
    groups: tuple[str, ...] = ("lm", "projector")


def text_warmup(
    learner: ComposedModel, items: Sequence[Item], settings: TextWarmupSettings, run: Run
) -> None:
    """Teach the language model on the items' words.

    Raises:
        DataError: no item says what is heard in it.
    """
    known = [item for item in items if heard_names(item) is not None]
    run.log({"stage": settings.name, "items": len(known), "left_out": len(items) - len(known)})
    train_on_answers(learner, known, settings, run)


STAGE = (text_warmup, TextWarmupSettings)
