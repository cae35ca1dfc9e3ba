"""Audio Spectrogram Transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.engine.features import Array


class AstEncoder(AudioEncoder):
    """Audio Spectrogram Transformer; a frame is the mean over frequency of a time's patches."""

    name = "ast"
    about = "Audio Spectrogram Transformer, patches averaged over frequency"
    model_types = ("audio-spectrogram-transformer",)

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import ASTFeatureExtractor

        super().__init__(encoder, settings)
        config: Any = encoder.config
        self_limit = config.max_length / 100
        self.limit_s = min(float(self.settings.get("limit_s") or self_limit), self_limit)
        self._extract = ASTFeatureExtractor(
            num_mel_bins=config.num_mel_bins, max_length=config.max_length
        )
        self._fill = -self._extract.mean / (2 * self._extract.std)

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the clip."""
        config: Any = self.encoder.config
        samples = np.pad(samples, (0, max(0, 400 - len(samples))))
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        length = min(config.max_length, max(1, (len(samples) - 400) // 160 + 1))
        return np.ascontiguousarray(made["input_values"][0][:length], dtype=np.float32)

    def frames(self, length: int) -> int:
        """Patches along time that overlap the clip."""
        config: Any = self.encoder.config
        most = int((config.max_length - config.patch_size) // config.time_stride + 1)
        last = -int(-(length - config.patch_size) // config.time_stride)
        return min(most, max(0, last) + 1)

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded as by its extractor; the class and distillation tokens are left out."""
        config: Any = self.encoder.config
        rows = self._stack(batch, config.max_length, [self._fill] * len(batch))
        out = self._side_by_side(self._run(rows))[:, 2:]
        rows_of_patches = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        out = out.reshape(len(batch), rows_of_patches, -1, self.width).mean(1)
        return out, [self.frames(len(part)) for part in batch]
