"""Encoders by the ``model_type`` of their configuration."""

from __future__ import annotations

from torch import nn

from harken.errors import ModelError
from harken.models.composed.encoders.ast import AstEncoder
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.conformer import ConformerEncoder
from harken.models.composed.encoders.resnet import ResNetEncoder
from harken.models.composed.encoders.waveform import MODEL_TYPES, WaveformEncoder
from harken.models.composed.encoders.whisper import WhisperAudioEncoder


def audio_encoder_for(encoder: nn.Module, limit_s: float | None = None) -> AudioEncoder:
    """The ear for an encoder, by its kind.

    Raises:
        ModelError: no ear is written for it.
    """
    kind = str(encoder.config.model_type)  # type: ignore[union-attr]
    if kind == "parakeet_encoder":
        return ConformerEncoder(encoder, limit_s or 60.0)
    if kind == "resnet":
        return ResNetEncoder(encoder, limit_s or 60.0)
    if kind == "whisper":
        return WhisperAudioEncoder(encoder, limit_s)
    if kind == "audio-spectrogram-transformer":
        return AstEncoder(encoder, limit_s)
    if kind in MODEL_TYPES:
        return WaveformEncoder(encoder, limit_s or 60.0)
    known = "parakeet_encoder, resnet, whisper, audio-spectrogram-transformer, " + ", ".join(
        MODEL_TYPES
    )
    raise ModelError(f"no ear is written for a {kind!r} encoder", hint=f"Known: {known}")
