"""Encoders of the raw waveform: wav2vec 2.0, HuBERT, WavLM and similar ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.engine.features import Array


class WaveformEncoder(AudioEncoder):
    """Encoders of the raw waveform; their first norm is over time, so clips are never padded."""

    name = "waveform"
    about = "wav2vec 2.0, HuBERT, WavLM and similar ones, on the raw waveform"
    model_types = (
        "wav2vec2",
        "hubert",
        "wavlm",
        "wav2vec2-conformer",
        "data2vec-audio",
        "unispeech",
        "unispeech-sat",
    )

    def features(self, samples: Array) -> Array:
        """(n,) with mean 0 and variance 1, as these encoders were trained."""
        samples = np.pad(samples, (0, max(0, self._shortest() - len(samples))))
        return np.asarray((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7), np.float32)

    def _shortest(self) -> int:
        """Samples of one frame: the receptive field of its convolutions, 400 as published."""
        config: Any = self.encoder.config
        size = 1
        for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
            size = (size - 1) * stride + kernel
        return size

    def frames(self, length: int) -> int:
        """Output length of its convolutions."""
        encoder: Any = self.encoder
        count = encoder._get_feat_extract_output_lengths(torch.tensor(length))
        return int(count.item())

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Only clips of equal length share a batch."""
        counts = [self.frames(len(part)) for part in batch]
        rows: dict[int, Tensor] = {}
        for length in sorted({len(part) for part in batch}):
            here = [i for i, part in enumerate(batch) if len(part) == length]
            waves = torch.from_numpy(np.stack([batch[i] for i in here])).to(self.device, self.dtype)
            frames = self._side_by_side(self._run(waves))
            rows |= dict(zip(here, frames, strict=True))
        padded = nn.utils.rnn.pad_sequence([rows[i] for i in range(len(batch))], batch_first=True)
        return padded, counts
