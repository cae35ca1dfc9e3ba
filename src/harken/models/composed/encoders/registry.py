"""Audio encoders by name, and by the ``model_type`` of their configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from harken.errors import ConfigError, ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.transformers_parts import model_type_of
from harken.models.pretrained import WEIGHTS, find_folder
from harken.models.target import split_settings
from harken.registry import Registry

_HERE = "harken.models.composed.encoders"

ENCODERS: Registry[type[AudioEncoder]] = Registry(
    "encoder",
    {
        "whisper": f"{_HERE}.whisper:WhisperAudioEncoder",
        "ast": f"{_HERE}.ast:AstEncoder",
        "waveform": f"{_HERE}.waveform:WaveformEncoder",
        "clap": f"{_HERE}.clap:ClapAudioTower",
        "parakeet": f"{_HERE}.parakeet:ParakeetAudioEncoder",
        "conformer": f"{_HERE}.conformer:ConformerEncoder",
        "resnet": f"{_HERE}.resnet:ResNetEncoder",
        "concat": f"{_HERE}.concat:ConcatEncoder",
    },
    shape="harken.models.composed.encoders.base:AudioEncoder",
)


def encoder_class(model_type: str) -> type[AudioEncoder]:
    """The class that serves encoders of `model_type`.

    Raises:
        ModelError: none does.
    """
    classes = [ENCODERS.get(name) for name in ENCODERS]
    for known in classes:
        if model_type in known.model_types:
            return known
    types = ", ".join(name for known in classes for name in known.model_types)
    raise ModelError(
        f"no audio encoder is known for model_type {model_type!r}",
        hint=f"Known: {types}. Add one: docs/architecture.md",
    )


def audio_encoder_for(
    encoder: nn.Module, settings: Mapping[str, Any] | None = None
) -> AudioEncoder:
    """The `AudioEncoder` around an encoder of transformers, by its ``model_type``."""
    if isinstance(encoder, AudioEncoder):
        return encoder
    config: Any = encoder.config
    return encoder_class(str(config.model_type))(encoder, settings)


def build_encoder(settings: Mapping[str, Any]) -> AudioEncoder:
    """An encoder with fresh weights, by ``kind``, else by ``model_type`` of its configuration."""
    kind = settings.get("kind")
    chosen = ENCODERS.get(kind) if kind else encoder_class(settings["config"]["model_type"])
    return chosen.build(settings)


def is_name(source: str) -> bool:
    """Whether `source` is a registered name, and not a folder or a hub id.

    Raises:
        ConfigError: it is neither a name nor looks like a path; the nearest names are told.
    """
    if Path(source).is_dir() or "/" in source or os.sep in source:
        return False
    if source not in ENCODERS and (Path(os.environ.get(WEIGHTS, "")) / source).is_dir():
        return False
    return bool(ENCODERS.get(source))


def open_encoder(spec: str, settings: Mapping[str, Any] | None = None) -> AudioEncoder:
    """The encoder that `spec` names.

    Args:
        spec: a folder of pretrained weights, an id on the hub, or a name in `ENCODERS`, with
            settings if there are any (``whisper-base?own_length=true&layers=all``); several are
            separated by ``+`` and become one, their frames side by side.
        settings: more of them, for a single encoder.

    Raises:
        ModelError: a folder without a known model.
        ConfigError: no encoder has this name, it needs a configuration, or has no such setting.
    """
    specs = [part.strip() for part in spec.split("+")] if not Path(spec).is_dir() else [spec]
    if len(specs) > 1:
        from harken.models.composed.encoders.concat import ConcatEncoder

        return ConcatEncoder.of([open_encoder(part) for part in specs], settings)
    source = spec.partition("?")[0]
    if not is_name(source):
        folder = find_folder(source)
        chosen = encoder_class(model_type_of(folder))
        _, given = split_settings(f"the encoder {chosen.name}", spec, chosen.options)
        return chosen.open(folder, {**given, **(settings or {})})
    chosen = ENCODERS.get(source)
    name, given = split_settings(f"the encoder {chosen.name}", spec, chosen.options)
    given |= settings or {}
    try:
        return chosen.build({"kind": name, **given})
    except KeyError as error:
        raise ConfigError(
            f"the encoder {name!r} cannot be built from its name alone: {error} is missing",
            hint="Give the folder of a pretrained encoder.",
        ) from None
