"""What a recipe is asked for, and the stages it plans: their settings in full and in smoke size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harken.errors import ConfigError
from harken.train.stage import LoopSettings
from harken.train.stages import STAGES

SIZES = ("full", "smoke")

SMOKE: Mapping[str, Any] = {
    "steps": 2,
    "batch": 2,
    "accumulate": 1,
    "items": 2,
    "group": 4,
    "max_tokens": 8,
    "checkpoint_every": 2,
}
"""Settings of every stage in smoke size: whether it runs, not what it learns."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What may be asked beside model, data and settings.

    Attributes:
        size: of a recipe, one of `SIZES`.
        audio_root: of other programs' sets: where audio is that is not beside the set.
        exam: a dataset that training must not touch; None: the other splits of the data.
        first: of a recipe, the stage it begins with; empty: its first one.
    """

    size: str = "full"
    audio_root: Path | None = None
    exam: Path | None = None
    first: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a recipe.

    Attributes:
        data: what it is trained on: a folder of `harken curate`, or what `read_items` takes.
        out: folder of the runs (``training``) and of the model (``model``).
        model: a preset such as ``harken-tiny``, a saved model, or ``native:FOLDER``.
        plan: name -> settings of each stage, changed by the user.
        seed: of all random draws.
        device, dtype: where it is trained, and what its weights become; empty: unchanged.
        options: its size, and where audio and exam are.
    """

    data: Path
    out: Path
    model: str
    plan: Mapping[str, LoopSettings]
    seed: int = 0
    device: str = ""
    dtype: str = ""
    options: JobOptions = JobOptions()


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage of a recipe.

    Attributes:
        stage: a name in `STAGES`.
        name: of the stage within the recipe; empty: `stage`.
        settings: of its full size; what is not named has the stage's own default.
        smoke: what is different in smoke size, beside `SMOKE`.
        needs: module groups that an earlier stage has trained, unless the model was pretrained as
            a whole.
        adapters: module groups that must have adapters by then.
    """

    stage: str
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    smoke: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Its name within the recipe, and the key of its settings."""
        return self.name or self.stage


def planned(stages: Sequence[PlannedStage], size: str, seed: int) -> dict[str, LoopSettings]:
    """The settings of each stage, by its name within the recipe.

    Raises:
        ConfigError: an unknown size; a stage that this installation has not got.
    """
    if size not in SIZES:
        raise ConfigError(f"the size is {size!r}", hint=f"Use {' or '.join(SIZES)}.")
    plan: dict[str, LoopSettings] = {}
    for one in stages:
        shape = STAGES.get(one.stage).settings
        known = {entry.name for entry in fields(shape)}
        values = {"seed": seed, **one.settings, "name": one.title}
        if size == "smoke":
            small = {name: value for name, value in SMOKE.items() if name in known}
            values |= {**small, **one.smoke}
        plan[one.title] = shape(**values)
    return plan
