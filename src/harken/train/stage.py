"""The interface of a training stage, and the settings that all stages share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.net import GROUPS
from harken.models.kept_frames import CHOICES
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
        takes_for: the same by its settings too, where it depends on them: (items, settings).
    """

    name: str
    about: str
    settings: type[Any]
    run: Callable[[Learner, Sequence[Item], Any, Run], None]
    takes: Callable[[Sequence[Item]], list[Item]]
    takes_for: Callable[[Sequence[Item], Any], list[Item]] | None = None

    def chosen(self, items: Sequence[Item], settings: Any) -> list[Item]:
        """The items that it is trained on under `settings`."""
        return self.takes_for(items, settings) if self.takes_for else self.takes(items)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Settings of the train loop, for every stage.

    The defaults are for pretrained parts; training from scratch needs higher rates
    (`harken.recipes.tiny_curriculum`).

    Attributes:
        name: of the stage and of its folder (two stages of one kind need two names).
        steps: optimiser steps.
        lr: highest learning rate of all groups; None: a default for each group, for pretrained
            parts (`harken.train.optimiser.default_rates`).
        lr_audio_encoder, lr_projector, lr_lm: that of one group, whatever `lr` is; 0 freezes it.
        warmup: share of the steps until it is reached.
        decay: AdamW's weight decay.
        clip_norm: largest norm of the gradient.
        groups: the module groups that are trained; the others are frozen.
        seed: of order, options, augmentation, dropout and sampling.
        accumulate: micro-batches in a step: the gradient is that of all their examples together.
        gradient_checkpointing: compute activations again in the backward pass, for less memory.
        checkpoint_every: steps between checkpoints.
        checkpoint_s: seconds after which there is one at the latest; 0: by steps only. No result
            depends on it.
        evaluate_every: steps between evaluations (`harken.train.evaluation`), where there is a
            function for them; 0: none.
        audio_faults: ``tell`` or ``stop``: what happens where the audio may not reach the language
            model, as far as that can be meant (`harken.train.arrival`).
        features: how the frames of a frozen audio encoder are kept on disk: ``exact``, ``float16``,
            ``bfloat16``; ``off``: it runs in every step (`harken.models.kept_frames`).
        threads: of torch; the result depends on it; 0: torch's default.
        refused: settings of other stages that this one cannot have, and why.
    """

    refused: ClassVar[Mapping[str, str]] = {}
    name: str = "train"
    steps: int = 500
    lr: float | None = None
    lr_audio_encoder: float | None = None
    lr_projector: float | None = None
    lr_lm: float | None = None
    warmup: float = 0.05
    decay: float = 0.0
    clip_norm: float = 1.0
    groups: tuple[str, ...] = GROUPS
    seed: int = 0
    accumulate: int = 1
    gradient_checkpointing: bool = False
    checkpoint_every: int = 100
    checkpoint_s: float = 60.0
    evaluate_every: int = 0
    audio_faults: str = "tell"
    features: str = "exact"
    threads: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for invalid values, all of them at once."""
        found = self.faults()
        if found:
            raise ConfigError(
                "; ".join(found), where=self.name if isinstance(self.name, str) else ""
            )

    def faults(self) -> list[str]:
        """What is wrong with the values: what was found, and what is accepted."""
        found = [self.fault(name, least=1) for name in ("steps", "checkpoint_every", "accumulate")]
        found += [
            self.fault(n) for n in ("threads", "decay", "seed", "checkpoint_s", "evaluate_every")
        ]
        rates = ("lr", *(f"lr_{group}" for group in GROUPS))
        found += [self.fault(name, most=10) for name in rates if getattr(self, name) is not None]
        found += [self.fault("warmup", most=1)]
        found += [self.fault("clip_norm", above=0)]
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or self.name == "model":
            found.append(
                f"name is {self.name!r} (accepted: letters, digits, . _ and -; not model, which "
                "is the model's folder)"
            )
        if self.audio_faults not in ("tell", "stop"):
            found.append(f"audio_faults is {self.audio_faults!r} (accepted: tell, stop)")
        if self.features not in CHOICES:
            found.append(f"features is {self.features!r} (accepted: {', '.join(CHOICES)})")
        unknown = [name for name in self.groups if name not in GROUPS]
        if unknown or not self.groups:
            found.append(
                f"groups are {', '.join(map(str, self.groups)) or 'none'} "
                f"(accepted: {', '.join(GROUPS)})"
            )
        return [fault for fault in found if fault]

    def fault(
        self,
        name: str,
        least: float = 0,
        most: float = math.inf,
        *,
        above: float | None = None,
    ) -> str:
        """What is wrong with a setting unless it is a finite number within these bounds, or ``""``.

        `above` is a lower bound that is not reached.
        """
        value = getattr(self, name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            low = value > above if above is not None else value >= least
            if low and value <= most:
                return ""
        low_text = f"above {above:g}" if above is not None else f"{least:g} or more"
        bounds = low_text if math.isinf(most) else f"{low_text}, at most {most:g}"
        return f"{name} is {value!r} (accepted: {bounds})"
