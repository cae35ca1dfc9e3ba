"""Audio encoders by name, and by the ``model_type`` of their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.registry import Registry

_HERE = "harken.models.composed.encoders"

ENCODERS: Registry[type[AudioEncoder]] = Registry(
    "encoder",
    {
        "whisper": f"{_HERE}.whisper:WhisperAudioEncoder",
        "ast": f"{_HERE}.ast:AstEncoder",
        "waveform": f"{_HERE}.waveform:WaveformEncoder",
        "htsat": f"{_HERE}.htsat:HtsatEncoder",
        "af-whisper": f"{_HERE}.af_whisper:AfWhisperEncoder",
        "parakeet": f"{_HERE}.parakeet:ParakeetAudioEncoder",
        "conformer": f"{_HERE}.conformer:ConformerEncoder",
        "cnn14": f"{_HERE}.cnn14:Cnn14Encoder",
        "beats": f"{_HERE}.beats:BeatsEncoder",
        "resnet": f"{_HERE}.resnet:ResNetEncoder",
        "spatial": f"{_HERE}.spatial:SpatialEncoder",
        "directional": f"{_HERE}.directional:DirectionalEncoder",
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
