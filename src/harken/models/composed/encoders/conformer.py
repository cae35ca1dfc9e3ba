"""Parakeet (FastConformer) on harken's own log-mel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.log_mel import MelSettings, log_mel, normalise
from harken.models.engine.features import Array


class ConformerEncoder(AudioEncoder):
    """Parakeet's encoder on `harken.models.features`, trained from scratch."""

    kind = "mel"

    def __init__(
        self, encoder: nn.Module, limit_s: float = 60.0, settings: MelSettings | None = None
    ) -> None:
        super().__init__(encoder, limit_s)
        self.settings = settings or MelSettings()

    def features(self, samples: Array) -> Array:
        """Log-mel (T, bins), not normalised: augmentation wants the true level."""
        return log_mel(samples, self.settings)

    def prepare(self, features: Array) -> Array:
        """Normalised."""
        return normalise(features, self.settings)

    def frames(self, length: int) -> int:
        """Three convolutions of stride 2 with kernel 3 and padding 1."""
        config: Any = self.encoder.config
        for _ in range(int(math.log2(config.subsampling_factor))):
            length = (length - 1) // 2 + 1
        return length

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded with zeros and masked; its convolutions zero what is masked."""
        lengths = [len(part) for part in batch]
        rows = self._stack(batch, max(lengths), [0.0] * len(batch))
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        out = self.encoder(input_features=rows, attention_mask=mask.to(self.device))
        return out.last_hidden_state, [self.frames(length) for length in lengths]


class FrameNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, T), one frame at a time.

    Stands in for the batch norm of a Conformer's convolution: with batch statistics a clip would
    sound otherwise beside other clips, and otherwise again when it is asked alone.
    """

    def forward(self, frames: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return super().forward(frames.transpose(1, 2)).transpose(1, 2)
