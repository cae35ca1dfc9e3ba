"""Whisper's encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.engine.features import Array


class WhisperAudioEncoder(AudioEncoder):
    """Whisper's encoder; hears at most the length it was trained on (30 s)."""

    kind = "whisper"
    pads_with_silence = True

    def __init__(self, encoder: nn.Module, limit_s: float | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        config: Any = encoder.config
        self_limit = config.max_source_positions * 2 / 100
        super().__init__(encoder, min(limit_s or self_limit, self_limit))
        self._extract = WhisperFeatureExtractor(
            feature_size=config.num_mel_bins, chunk_length=math.ceil(self_limit)
        )
        self._length = config.max_source_positions * 2

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the sound."""
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        whole = made["input_features"][0].T
        return np.ascontiguousarray(whole[: min(self._length, len(samples) // 160 + 2)])

    def frames(self, length: int) -> int:
        """One convolution of stride 2."""
        return -(-length // 2)

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Filled up with the value its extractor gives to silence: 8 decades below the maximum."""
        fill = [max(float(part.max()) - 2.0, -1.5) for part in batch]
        rows = self._stack(batch, self._length, fill)
        out = self.encoder(rows.transpose(1, 2)).last_hidden_state
        return out, [self.frames(len(part)) for part in batch]
