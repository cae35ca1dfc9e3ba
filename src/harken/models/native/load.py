"""``native:TARGET``: a class of transformers, by folder or hub id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.errors import MissingExtra
from harken.models.base import Model
from harken.models.native.settings import read_native


def build(target: str, **options: Any) -> Model:
    """The registry's factory.

    Args:
        target: a folder or an id on the hub, and ``?settings``, for example
            ``Qwen/Qwen2-Audio-7B-Instruct?device=cuda``.
        options: settings (see `harken.models.native.settings.NativeSettings`), which override
            those of the target.

    Raises:
        MissingExtra: transformers is not installed.
        ConfigError: no target, or a setting that does not exist.
        ModelError: it cannot be opened; see `harken.models.native.open.open_model`.
    """
    try:
        from harken.models.native.model import NativeModel
        from harken.models.native.saved import saved_settings
    except ImportError as error:
        raise MissingExtra(str(error.name or "transformers"), "models") from None
    start = saved_settings(Path(target.partition("?")[0]))
    name, settings = read_native(target, options, start)
    return NativeModel.open(name, settings)
