"""Parakeet (FastConformer) on harken's own log-mel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from harken.models.composed.encoders.log_mel import LogMelEncoder
from harken.models.engine.features import Array


class ConformerEncoder(LogMelEncoder):
    """Parakeet's encoder on `harken.models.composed.log_mel`, trained from scratch."""

    name = "conformer"
    about = "Parakeet's FastConformer on harken's own log-mel, from fresh weights"
    model_types: ClassVar[tuple[str, ...]] = (
        "parakeet_encoder",
        "parakeet_ctc",
        "parakeet_rnnt",
        "parakeet_tdt",
    )

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(encoder, settings)
        if self.settings.get("frame_norm"):
            norm_by_frame(encoder)

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """With fresh weights; see `init_convolutions`."""
        made = super().build(settings)
        init_convolutions(made.encoder)
        return made

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """Pretrained weights need Parakeet's own features: a `ParakeetAudioEncoder`."""
        from harken.models.composed.encoders.registry import ENCODERS

        found: Any = ENCODERS.get("parakeet").open(folder, settings)
        return cast(Self, found)

    def frames(self, length: int) -> int:
        """Three convolutions of stride 2 with kernel 3 and padding 1."""
        config: Any = self.encoder.config
        for _ in range(int(math.log2(config.subsampling_factor))):
            length = (length - 1) // 2 + 1
        return length

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded with zeros and masked; its convolutions set masked frames to zero."""
        lengths = [len(part) for part in batch]
        rows = self._stack(batch, max(lengths), [0.0] * len(batch))
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        out = self._run(input_features=rows, attention_mask=mask.to(self.device))
        return self._side_by_side(out), [self.frames(length) for length in lengths]


class FrameNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, T), one frame at a time.

    Replaces the batch norm of a Conformer's convolution: with batch statistics the frames of a clip
    would depend on the other clips of its batch, and differ between training and inference.
    """

    def forward(self, frames: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return super().forward(frames.transpose(1, 2)).transpose(1, 2)


def norm_by_frame(encoder: nn.Module) -> None:
    """Replace the batch norms of a Conformer's convolutions by `FrameNorm`."""
    for module in list(encoder.modules()):
        norm: Any = getattr(module, "norm", None)
        if isinstance(norm, nn.BatchNorm1d):
            module.norm = FrameNorm(norm.num_features)


def init_convolutions(encoder: Any) -> None:
    """Initial weights of the convolutions that preserve the scale of the input.

    With transformers' standard deviation of 0.02 three of them scale the input by 10^-7: all clips
    have nearly equal frames, and the first hundreds of steps learn nothing from audio. The last
    bias is for silence, which is all zeros: a layer norm multiplies the gradient at zeros by 300,
    and one silent clip would dominate the gradient of its batch.
    """
    for module in encoder.subsampling.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    last = encoder.subsampling.linear
    nn.init.normal_(last.weight, std=last.in_features**-0.5)
    nn.init.normal_(last.bias, std=0.2)
