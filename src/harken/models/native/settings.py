"""Settings of native models, as in ``native:FOLDER?device=cuda&dtype=bfloat16``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harken.errors import ConfigError
from harken.models.base import ANSWER_ONLY
from harken.models.target import read_target


@dataclass(frozen=True, slots=True)
class NativeSettings:
    """How a model is opened and prompted.

    Attributes:
        revision: of a hub id: a branch, a tag or a commit.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; ``auto`` spreads it over all (needs accelerate).
        dtype: ``float32``, ``bfloat16``, ``float16``; if empty float32 on a CPU and elsewhere the
            dtype of the saved weights.
        attention: of transformers: ``sdpa``, ``eager``; its own choice if empty.
        local_files_only: download nothing.
        max_clip_s: refuse clips above this length; the family's own limit if 0.
        remember_mb: size of the cache of audio tokens, in MiB.
        copy_bases: a saved model holds the unchanged weights of the class too; else it names them,
            and they must be found when it is opened.
        lora: adapters to add, as ``lm:16`` (`harken.models.engine.lora_settings`).
        letters: see `harken.models.base.PromptStyle`, as the following three.
        question_first: the question is before the clips.
        mark_clips: several clips are introduced by number.
        instruction: the sentence after the question.
    """

    revision: str = ""
    device: str = "cpu"
    dtype: str = ""
    attention: str = ""
    local_files_only: bool = False
    max_clip_s: float = 0.0
    remember_mb: int = 512
    copy_bases: bool = False
    lora: str = ""
    letters: bool = True
    question_first: bool = False
    mark_clips: bool = True
    instruction: str = ANSWER_ONLY


def read_native(
    target: str, options: Mapping[str, Any], start: NativeSettings | None = None
) -> tuple[str, NativeSettings]:
    """Folder or hub id, and its settings; `options` (typed) override them, and they `start`.

    Raises:
        ConfigError: no name, an unknown setting, or a value of the wrong type.
    """
    name, settings = read_target("native", target, NativeSettings, options, start)
    if settings.dtype not in ("", "float32", "bfloat16", "float16"):
        raise ConfigError(f"dtype is {settings.dtype!r}", hint="Use float32, bfloat16 or float16.")
    return name, settings
