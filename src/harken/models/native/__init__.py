"""Audio language model classes of transformers, asked in this process; see `base` for the shape."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from harken.errors import ConfigError, MissingExtra
from harken.models.base import Model
from harken.registry import Registry

FAMILIES: Registry[type] = Registry(
    "native family",
    {
        "qwen2_audio": "harken.models.native.qwen2_audio:Qwen2Audio",
    },
)
"""``model_type`` of a folder's configuration -> the family that serves it."""


def build(target: str, **options: Any) -> Model:
    """The registry's factory: `target` is a folder, or an id on the hub.

    Args:
        target: for example ``Qwen/Qwen2-Audio-7B-Instruct``.
        options: see `harken.models.native.open.Settings`.

    Raises:
        MissingExtra: transformers is not installed.
        ConfigError: no target, or an option that does not exist.
        ModelError: it cannot be opened; see `harken.models.native.open.open_model`.
    """
    if not target:
        raise ConfigError("native names no model", mend="Write native:FOLDER")
    try:
        from harken.models.native.model import Native
        from harken.models.native.open import Settings
    except ImportError as error:
        raise MissingExtra(str(error.name or "transformers"), "models") from None
    known = [entry.name for entry in fields(Settings)]
    unknown = sorted({*options} - {*known})
    if unknown:
        raise ConfigError(
            f"native has no option {', '.join(unknown)}", mend="Known: " + ", ".join(known)
        )
    return Native.load(target, **options)
