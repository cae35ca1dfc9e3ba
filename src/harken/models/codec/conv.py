"""harken's own codec: causal convolutions around a residual vector quantiser.

It is after SoundStream (Zeghidour et al. 2021, arXiv 2107.03312), small enough to be trained on one
CPU core (`harken.train.codec`), and has no adversary: what it makes is duller than what published
codecs make.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from harken.errors import ConfigError
from harken.models.codec.base import Codes
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.network import begin_as_transform, decoder, encoder
from harken.models.codec.own import CodecNet, OwnCodec
from harken.models.codec.quantiser import Quantised, ResidualQuantiser
from harken.models.engine.features import Array

GAIN = 10.0
"""Samples are multiplied by it before the encoder, and divided after the decoder: sound at an RMS
of -20 dB has an RMS of 1 in between."""


@dataclass(frozen=True, slots=True)
class ConvCodecShape:
    """Sizes of a codec.

    Attributes:
        strides: of the encoder's levels, from the samples on; their product is `hop`.
        channels: width of each level.
        dilations: of the residual units of each level.
        dim: of what is quantised.
        codebooks: number of codebooks; `size`: entries of each.

    Raises:
        ConfigError: sizes that cannot be built.
    """

    strides: tuple[int, ...] = (8, 5, 4, 2)
    channels: tuple[int, ...] = (32, 64, 96, 128)
    dilations: tuple[int, ...] = (1, 3)
    dim: int = 64
    codebooks: int = 8
    size: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if len(self.strides) != len(self.channels) or not self.strides:
            raise ConfigError(
                f"{len(self.strides)} strides and {len(self.channels)} channels",
                hint="Give a width for each stride.",
            )
        least = min(*self.strides, *self.channels, *self.dilations, self.dim, self.codebooks)
        if least < 1 or self.size < 2:
            raise ConfigError("a size of the codec is below 1, or codebooks have no two entries")


class ConvCodecNet(CodecNet):
    """Encoder, quantiser and decoder.

    Attributes:
        shape: its sizes.
    """

    def __init__(self, shape: ConvCodecShape, settings: CodebookSettings | None = None) -> None:
        super().__init__()
        self.shape = shape
        parts = (shape.strides, shape.channels, shape.dilations, shape.dim)
        self.encoder = encoder(*parts)
        self.quantiser = ResidualQuantiser(shape.dim, shape.codebooks, settings)
        self.decoder = decoder(*parts)
        begin_as_transform(self.encoder, self.decoder)

    @property
    def hop(self) -> int:
        """Samples of a frame: the product of the strides."""
        return math.prod(self.shape.strides)

    def forward(
        self, waves: Tensor, mask: Tensor | None = None, used: Tensor | None = None
    ) -> tuple[Tensor, Quantised]:
        """Reconstruct through the quantiser.

        Args:
            waves: (B, n), n a multiple of the hop.
            mask: bool (B, frames), false where a frame is padding; None: there is none.
            used: int64 (B,), codebooks of each example; None: all.

        Returns:
            (B, n), and what the quantiser made.
        """
        found = self.quantiser(self.vectors(waves), mask, used)
        return self.waves(found.output), found

    def vectors(self, waves: Tensor) -> Tensor:
        """(B, n) -> (B, n / hop, dim), before they are quantised."""
        found: Tensor = self.encoder(GAIN * waves[:, None]).transpose(1, 2)
        return found

    def waves(self, vectors: Tensor) -> Tensor:
        """(B, T, dim) -> (B, T · hop)."""
        found: Tensor = self.decoder(vectors.transpose(1, 2))[:, 0] / GAIN
        return found


class ConvCodec(OwnCodec):
    """See the module's docstring."""

    name = "conv"
    about: ClassVar[str] = "causal convolutions over samples, trained by harken train-codec"
    shape_class = ConvCodecShape
    net_class = ConvCodecNet

    @torch.no_grad()
    def _decode(self, codes: Codes) -> Array:
        vectors = self.net.quantiser.decode(torch.from_numpy(codes)[None])
        return np.asarray(self.net.waves(vectors)[0].numpy())
