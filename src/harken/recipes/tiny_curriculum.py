"""The curriculum of harken-tiny: which stages, how many steps, on which items.

Steps scale with the minutes of training; learning rates do not. It follows from measurements
(docs/log.md):

- Drill comes first, on labels in place of audio and sets of one or two clips: "where is it", "is it
  there". With up to four clips from the beginning a small model may stay at chance for minutes.
- `align` has one question in a prompt. With several, the later answers can be copied from earlier
  ones and the audio is ignored: accuracy with four choices 0.30 after 320 such steps, against 0.75
  after 100 steps in which each clip is named once.
- The language model is frozen in `align`, so that it does not forget the questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harken.errors import ConfigError
from harken.item import Item
from harken.train.align import AlignSettings
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings
from harken.train.stage import LoopSettings
from harken.train.text_warmup import TextWarmupSettings

MEASURED_MINUTES = 5.0
"""The total time of the step counts below, on two cores (ESC-10: 5 s clips)."""

MOST_CLIPS = 4
"""Items with more clips are left out: they do not fit into the model's context."""


def tiny_plan(
    minutes: float = MEASURED_MINUTES, seed: int = 0, threads: int = 2
) -> dict[str, LoopSettings]:
    """The settings of each stage, in the order of their runs, for `minutes` of training.

    ``drill`` is text warm-up on `drills(items)`, ``text-warmup`` on all items; ``align`` is trained
    on `naming(items)`, ``sft`` on all items and ``grpo`` on those with choices.

    Raises:
        ConfigError: `minutes` is not above 0.
    """
    if minutes <= 0:
        raise ConfigError(f"minutes is {minutes}", hint="Give the time that training may take.")

    def steps(number: int) -> int:
        return max(1, round(number * minutes / MEASURED_MINUTES))

    # Training from scratch: high rates, weight decay, a long warm-up of the rate.
    loop: dict[str, Any] = {"warmup": 0.1, "decay": 0.02, "seed": seed, "threads": threads}
    plan: list[LoopSettings] = [
        TextWarmupSettings(name="drill", steps=steps(800), batch=16, lr=2e-3, turns=12, **loop),
        TextWarmupSettings(steps=steps(150), batch=24, lr=1.5e-3, turns=6, **loop),
        AlignSettings(
            steps=steps(150),
            batch=24,
            lr=3e-3,
            augment=True,
            groups=("audio_encoder", "projector"),
            **loop,
        ),
        SftSettings(
            steps=steps(240), batch=32, lr=1e-3, augment=True, modality_dropout=0.12, **loop
        ),
        GrpoSettings(
            steps=steps(60),
            items=12,
            lr=1e-4,
            max_tokens=24,
            checkpoint_every=20,
            **{**loop, "decay": 0.0},
        ),
    ]
    return {settings.name: settings for settings in plan}


def takes(stage: str, items: Iterable[Item]) -> list[Item]:
    """The items that harken-tiny is trained on in `stage`."""
    if stage == "drill":
        return drills(items)
    if stage == "align":
        return naming(items)
    return [item for item in items if len(item.clips) <= MOST_CLIPS]


def drills(items: Iterable[Item]) -> list[Item]:
    """Practice items with one or two clips."""
    return [item for item in items if item.task == "talk" and len(item.clips) <= 2]


def naming(items: Iterable[Item]) -> list[Item]:
    """The open-ended items that ask for the label of each sound once: the items of `align`.

    Questions about one of several clips are left out: the others would be encoded for nothing.
    """
    return [item for item in items if item.clips and not item.choices and _names_all(item)]


def _names_all(item: Item) -> bool:
    if item.task == "order" or "name" in item.tags:
        return True
    return "at" in item.tags and len(item.clips) == 1
