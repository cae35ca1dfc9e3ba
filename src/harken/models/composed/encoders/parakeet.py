"""Parakeet (FastConformer) with pretrained weights, on its own features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import nn

from harken.audio.clip import RATE_HZ
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.conformer import ConformerEncoder
from harken.models.composed.transformers_parts import config_of, open_part
from harken.models.engine.features import Array
from harken.models.pretrained import build_model


class ParakeetAudioEncoder(ConformerEncoder):
    """The encoder of Parakeet CTC, RNN-T and TDT models: a frame every 80 ms."""

    name = "parakeet"
    about = "Parakeet's FastConformer, pretrained, on its own features"
    model_types = ()  # a configuration alone is a `conformer`; a folder is opened as this
    augmentable = False

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import ParakeetFeatureExtractor

        super().__init__(encoder, {**(settings or {}), "kind": self.name})
        config: Any = encoder.config
        self._extract = ParakeetFeatureExtractor(feature_size=config.num_mel_bins)

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """With fresh weights, as transformers initialises them."""
        from transformers import AutoModel

        return cls(build_model(AutoModel, config_of(settings["config"])), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """The encoder of the model in a folder, of any of its kinds."""
        from transformers import AutoModel

        whole = open_part(AutoModel, folder)
        return cls(getattr(whole, "encoder", whole), settings)

    def features(self, samples: Array) -> Array:
        """(T, bins), each bin with mean 0 and variance 1 over the clip."""
        samples = np.pad(samples, (0, max(0, 400 - len(samples))))  # a variance needs two frames
        made = self._extract(samples, sampling_rate=RATE_HZ)
        valid = int(made["attention_mask"][0].sum())
        return np.ascontiguousarray(made["input_features"][0][:valid], dtype=np.float32)

    def prepare(self, features: Array) -> Array:
        """Nothing is left to do."""
        return AudioEncoder.prepare(self, features)
