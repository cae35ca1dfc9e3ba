"""A ResNet on the log-mel as an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from harken.models.composed.encoders.log_mel import LogMelEncoder
from harken.models.engine.features import Array


class ResNetEncoder(LogMelEncoder):
    """A ResNet (He et al. 2016, arXiv 1512.03385) on the log-mel as an image.

    Its output has a time and a frequency axis; the frequencies of one time are concatenated into
    one frame. In training clips of similar length share a batch, padded with zeros, for its batch
    norm. In inference the running statistics are used and only clips of one padded length share a
    batch: the frames of a clip do not depend on its batch.
    """

    pads_with_silence = True

    name = "resnet"
    about = "a ResNet on harken's own log-mel: learns from few recordings"
    model_types: ClassVar[tuple[str, ...]] = ("resnet",)

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        config: Any = encoder.config
        halvings = len(config.hidden_sizes) - 1 + bool(config.downsample_in_first_stage)
        self.stride = int(4 * 2**halvings)
        super().__init__(encoder, settings)

    def frames(self, length: int) -> int:
        """One for every `stride` feature frames, the last one padded."""
        return int(-(-length // self.stride))

    def image(self, rows: Tensor) -> Tensor:
        """Features (B, T, bands) as an image of one plane (B, 1, T, bands)."""
        return rows[:, None]

    def _width(self) -> int:
        """The frequencies of one time, concatenated."""
        config: Any = self.encoder.config
        return int(config.hidden_sizes[-1]) * (self.mel.bins // self.stride)

    def _layer_count(self) -> int:
        """The stages of a ResNet differ in width and length."""
        return 0

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Clips of one padded length together; in training all of them."""
        counts = [self.frames(len(part)) for part in batch]
        groups = {max(counts): [*range(len(batch))]} if self.training else {}
        for i, count in enumerate(() if groups else counts):
            groups.setdefault(count, []).append(i)
        out = torch.zeros(len(batch), max(counts), self.width, device=self.device, dtype=self.dtype)
        for count, here in groups.items():
            rows = self._stack([batch[i] for i in here], count * self.stride, [0.0] * len(here))
            maps = self.encoder(self.image(rows)).last_hidden_state
            frames = maps.permute(0, 2, 3, 1).flatten(2)
            out = out.index_copy(0, torch.tensor(here, device=self.device), padded_to(frames, out))
        return out, counts


def padded_to(frames: Tensor, like: Tensor) -> Tensor:
    """`frames` (B, T, F) padded with zeros to the length of `like`."""
    return nn.functional.pad(frames, (0, 0, 0, like.shape[1] - frames.shape[1]))
