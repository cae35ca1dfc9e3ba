"""Models by name: a saved folder, or ``name[:target]``; imports happen when one is built.

A model module defines ``build(target, **options) -> Model``, where `target` is what follows the
name (``constant:1`` -> ``"1"``) or, for saved models, the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.models.base import MODEL_FILE, Model
from harken.registry import Registry

MODELS: Registry[Callable[..., Model]] = Registry(
    "model",
    {
        "lalm": "harken.models.composed.model:build",
        "random": "harken.models.text_only.random:build_random",
        "constant": "harken.models.text_only.constant:build_constant",
        "longest": "harken.models.text_only.longest:build_longest",
        "linear": "harken.models.text_only.linear:build_linear",
        "oracle": "harken.models.text_only.oracle:build_oracle",
        "openai": "harken.models.http.model:build",
        "cascade": "harken.models.listeners.cascade:build",
        "asr": "harken.models.listeners.asr:build",
        "written": "harken.models.listeners.written:build",
        "native": "harken.models.native.load:build",
    },
)


def load_model(spec: str, **options: Any) -> Model:
    """Build the model that `spec` names: a saved model's folder, or ``name[:target]``.

    Raises:
        ModelError: a folder without a complete saved model.
        ConfigError: an unknown name; the hint lists the nearest known ones.
    """
    folder = Path(spec)
    if (folder / MODEL_FILE).is_file():
        return MODELS.get(_kind(folder / MODEL_FILE))(str(folder), **options)
    if folder.is_dir():
        raise ModelError(
            f"{spec} holds no complete model",
            where=str(folder / MODEL_FILE),
            hint=f"Write native:{spec} for a transformers model."
            if (folder / "config.json").is_file()
            else "Name the folder that `harken train` printed, or train again to finish it.",
        )
    name, _, target = spec.partition(":")
    return MODELS.get(name)(target, **options)


def _kind(file: Path) -> str:
    """Registered name that opens a saved model; for a damaged file ``lalm`` reports the fault."""
    import json

    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "lalm"
    return "native" if isinstance(found, dict) and found.get("kind") == "native" else "lalm"
