"""Whisper's encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.transformers_parts import config_of, open_part
from harken.models.engine.features import Array


class WhisperAudioEncoder(AudioEncoder):
    """Whisper's encoder, for clips up to the length it was trained on (30 s)."""

    name = "whisper"
    about = "Whisper's encoder, padded to 30 s with its own value of silence"
    model_types = ("whisper",)
    pads_with_silence = True

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        super().__init__(encoder, settings)
        config: Any = encoder.config
        self_limit = config.max_source_positions * 2 / 100
        self.limit_s = min(float(self.settings.get("limit_s") or self_limit), self_limit)
        self._extract = WhisperFeatureExtractor(
            feature_size=config.num_mel_bins, chunk_length=math.ceil(self_limit)
        )
        self._length = config.max_source_positions * 2

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """The encoder without the decoder, with fresh weights."""
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        return cls(WhisperEncoder(config_of(settings["config"])), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """The encoder of the model in a folder."""
        from transformers import AutoModel

        return cls(open_part(AutoModel, folder).encoder, settings)

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the clip."""
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        whole = made["input_features"][0].T
        return np.ascontiguousarray(whole[: min(self._length, len(samples) // 160 + 2)])

    def frames(self, length: int) -> int:
        """One convolution of stride 2."""
        return -(-length // 2)

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded with the value its extractor gives to silence: 8 decades below the maximum."""
        fill = [max(float(part.max()) - 2.0, -1.5) for part in batch]
        rows = self._stack(batch, self._length, fill)
        out = self.encoder(rows.transpose(1, 2)).last_hidden_state
        return out, [self.frames(len(part)) for part in batch]
