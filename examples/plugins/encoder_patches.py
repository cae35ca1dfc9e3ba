"""Adds an audio encoder: patches of four log-mel frames through one linear layer, no pretraining.

Run:  harken --plugin examples/plugins/encoder_patches.py compose --encoder patches --lm LM -o model

where LM is the folder of a causal language model with its tokenizer. The saved model names its
encoder, so every later command needs the plugin too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.registry import ENCODERS
from harken.models.composed.log_mel import log_mel, normalise

BINS, FRAMES = 64, 4


class PatchEncoder(AudioEncoder):
    """One frame for every four of log-mel."""

    name = "patches"
    about = "patches of four log-mel frames through one linear layer"

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> PatchEncoder:
        return cls(nn.Linear(BINS * FRAMES, settings.get("width", 96)), settings)

    def features(self, samples: np.ndarray) -> np.ndarray:
        return normalise(log_mel(samples))

    def frames(self, length: int) -> int:
        return -(-length // FRAMES)

    def encode(self, batch: Sequence[np.ndarray]) -> tuple[Tensor, list[int]]:
        counts = [self.frames(len(features)) for features in batch]
        rows = self._stack(batch, max(counts) * FRAMES, [0.0] * len(batch))
        return self.encoder(rows.reshape(len(batch), max(counts), -1)), counts

    def _width(self) -> int:
        return self.encoder.out_features


ENCODERS.add(PatchEncoder)
