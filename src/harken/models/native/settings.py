"""How a native model is opened and asked, and how that is written behind its name.

``native:FOLDER?device=cuda&dtype=bfloat16``: settings follow as in a link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harken.errors import ConfigError
from harken.models.target import read_target


@dataclass(frozen=True, slots=True)
class NativeSettings:
    """How a model is opened.

    Attributes:
        revision: of a hub id: a branch, a tag or a commit.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; ``auto`` spreads it over all (needs accelerate).
        dtype: ``float32``, ``bfloat16``, ``float16``; if empty float32 on a CPU and elsewhere what
            the weights are saved as.
        attention: of transformers: ``sdpa``, ``eager``; its own choice if empty.
        local_files_only: fetch nothing.
        max_clip_s: refuse clips above this length; the family's own limit if 0.
        remember_mb: memory for the embeddings of clips that were heard.
        letters: see `harken.models.base.PromptStyle`, as the following three.
        question_first: the question stands before the clips.
        mark_clips: several clips are announced by number.
        instruction: the sentence after the question.
    """

    revision: str = ""
    device: str = "cpu"
    dtype: str = ""
    attention: str = ""
    local_files_only: bool = False
    max_clip_s: float = 0.0
    remember_mb: int = 512
    letters: bool = True
    question_first: bool = False
    mark_clips: bool = True
    instruction: str = "Give the answer only; if there are options, the letter of the right one."


def read_native(target: str, options: Mapping[str, Any]) -> tuple[str, NativeSettings]:
    """Folder or hub id, and the settings behind it, with `options` (already typed) over them.

    Raises:
        ConfigError: nothing is named, an unknown setting, or a value that does not fit.
    """
    name, settings = read_target("native", target, NativeSettings, options)
    if settings.dtype not in ("", "float32", "bfloat16", "float16"):
        raise ConfigError(
            f"dtype is {settings.dtype!r}", hint="Use float32, bfloat16 or float16, or leave it."
        )
    return name, settings
