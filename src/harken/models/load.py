"""Models by name: a saved folder, or ``name[:target]``. Libraries are imported when one is built.

A model file holds ``build(target, **options) -> Model``, where `target` is what stands after the
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
        "composed": "harken.models.composed.model:build",
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

    Settings stand behind a folder as in ``FOLDER?device=cuda&dtype=bfloat16``.

    Raises:
        ModelError: a folder without a finished model in it.
        ConfigError: an unknown name, answered with its neighbours.
    """
    folder = Path(spec.partition("?")[0])
    if (folder / MODEL_FILE).is_file():
        return MODELS.get(_kind(folder / MODEL_FILE))(spec, **options)
    if folder.is_dir():
        raise ModelError(
            f"{spec} holds no finished model",
            where=str(folder / MODEL_FILE),
            hint=f"Write native:{spec} for a model of transformers."
            if (folder / "config.json").is_file()
            else "Name the folder that `harken train` printed, or train again to finish it.",
        )
    name, _, target = spec.partition(":")
    return MODELS.get(name)(target, **options)


def _kind(file: Path) -> str:
    """Who opens a saved model; of a damaged file the composed one says what is wrong."""
    import json

    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "composed"
    return "native" if isinstance(found, dict) and found.get("kind") == "native" else "composed"
