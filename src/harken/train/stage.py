"""The interface of a training stage, and the settings that all stages share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.learner import Learner
from harken.runs import Run

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of training; see `harken.train`.

    Attributes:
        name: in `harken.train.stages.STAGES`; `about`: one sentence.
        settings: the dataclass of its settings, with neutral defaults.
        run: (learner, items, settings, run folder) -> None: trains in place.
        takes: which items of a dataset it is trained on.
    """

    name: str
    about: str
    settings: type[Any]
    run: Callable[[Learner, Sequence[Item], Any, Run], None]
    takes: Callable[[Sequence[Item]], list[Item]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Settings of the train loop, for every stage.

    The defaults are for pretrained parts; training from scratch needs higher rates
    (`harken.recipes.tiny_curriculum`).

    Attributes:
        name: of the stage and of its folder (two stages of one kind need two names).
        steps: optimiser steps.
        lr: highest learning rate.
        warmup: share of the steps until it is reached.
        decay: AdamW's weight decay.
        clip_norm: largest norm of the gradient.
        groups: the module groups that are trained; the others are frozen.
        seed: of order, options, augmentation, dropout and sampling.
        checkpoint_every: steps between checkpoints.
        threads: of torch; the result depends on it; 0: torch's default.
    """

    name: str = "train"
    steps: int = 500
    lr: float = 2e-5
    warmup: float = 0.05
    decay: float = 0.0
    clip_norm: float = 1.0
    groups: tuple[str, ...] = GROUPS
    seed: int = 0
    checkpoint_every: int = 100
    threads: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for invalid values."""
        self.require("checkpoint_every", least=1)
        for name in ("steps", "threads", "lr", "decay", "seed"):
            self.require(name)
        if not _NAME.fullmatch(self.name) or self.name == "model":
            raise ConfigError(
                f"name is {self.name!r}, and the stage's folder has that name",
                hint="Use letters, digits, . _ and -, and another word than model.",
            )
        self.require("warmup", most=1)
        if not (math.isfinite(self.clip_norm) and self.clip_norm > 0):
            raise ConfigError(f"clip_norm is {self.clip_norm}", hint="Use a number above 0.")
        unknown = [name for name in self.groups if name not in GROUPS]
        if unknown or not self.groups:
            raise ConfigError(
                f"groups are {', '.join(map(str, self.groups)) or 'none'}",
                hint="Known: " + ", ".join(GROUPS),
            )

    def require(self, name: str, least: float = 0, most: float = math.inf) -> None:
        """Raise ConfigError unless the setting is a finite number from `least` to `most`."""
        value = getattr(self, name)
        if not (math.isfinite(value) and least <= value <= most):
            bound = f"{least:g} or more" if math.isinf(most) else f"{least:g} to {most:g}"
            raise ConfigError(f"{name} is {value}", hint=f"Use {bound}.")
