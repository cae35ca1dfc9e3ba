"""The base of encoders on harken's own log-mel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.log_mel import MelSettings, log_mel, normalise
from harken.models.engine.features import Array


class LogMelEncoder(AudioEncoder):
    """An encoder on `harken.models.composed.log_mel`; training may augment its features.

    Attributes:
        mel: parameters of the log-mel.
    """

    augmentable = True

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        self.mel = MelSettings(**((settings or {}).get("mel") or {}))
        super().__init__(encoder, settings)

    def features(self, samples: Array) -> Array:
        """Log-mel (T, bins), not normalised: augmentation needs the level."""
        return log_mel(samples, self.mel)

    def prepare(self, features: Array) -> Array:
        """The normalised log-mel (T, bins)."""
        return normalise(features, self.mel)
