"""Models of transformers from local folders: safetensors only, no remote code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harken.errors import ModelError
from harken.models.pretrained import open_weights
from harken.parsing import load_json

_IGNORED = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def plain_config(config: Any) -> dict[str, Any]:
    """A transformers configuration as JSON values, without path and release."""
    values = {name: value for name, value in config.to_diff_dict().items() if name not in _IGNORED}
    return {"model_type": config.model_type, **values}


def config_of(values: Mapping[str, Any]) -> Any:
    """The transformers configuration for values of `plain_config`.

    Raises:
        ModelError: a ``model_type`` that this release of transformers does not have.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration cannot be built: {error}",
            hint="Install a transformers release that has this model_type.",
        ) from error


def model_type_of(folder: Path) -> str:
    """``model_type`` of a folder's ``config.json``.

    Raises:
        ModelError: the folder holds no model, or its configuration cannot be read.
    """
    try:
        return str(load_json(folder / "config.json")["model_type"])
    except FileNotFoundError:
        raise ModelError(
            "the folder holds no model (there is no config.json)",
            where=str(folder),
            hint="Give the folder of a model on this disk.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"config.json cannot be read: {error}", where=str(folder)) from error


def open_part(loader: Any, folder: Path) -> Any:
    """The weights of `folder` in float32.

    Raises:
        ModelError: the folder holds no model, no safetensors, or damaged ones.
    """
    model_type_of(folder)
    try:
        return open_weights(loader, folder, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the model cannot be opened: {error}", where=str(folder)) from error
