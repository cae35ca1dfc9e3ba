"""A spectral codec: log-mel spectra in, magnitudes out, phases found when it decodes.

The encoder sees log-mel spectra and never a sample, as in the spectral codecs of Langman et al.
2024 (arXiv 2406.05298) and dMel (Bai et al. 2024, arXiv 2407.15835): how a sound begins a period is
not heard, and no bits are spent on it. A small causal network makes vectors of the spectra, and,
after the residual vector quantiser, magnitudes of a short-time Fourier transform of vectors. Theirs
is a vocoder with an adversary; here the phases are found by `harken.models.codec.phase`, which
needs no training.

A frame hears what lies up to (window - step) / 2 samples after it. A decoded sample needs frames of
up to 0.3 s after it (`BLOCK` and `AHEAD` windows): that much later is a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.codec.base import Codes, DecodeStream
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.network import CausalConv, ResidualUnit
from harken.models.codec.own import CodecNet, OwnCodec
from harken.models.codec.phase import PhaseFinder, spectra
from harken.models.codec.quantiser import Quantised, ResidualQuantiser
from harken.models.composed.log_mel import MelSettings, mel_bank
from harken.models.engine.features import Array

FLOOR = 1e-3
"""Smallest magnitude that is told from none, in windows of samples up to 1."""

_LOUDEST = 7.0  # highest log magnitude: more than a window of full scale has


@dataclass(frozen=True, slots=True)
class SpectralCodecShape:
    """Sizes of a spectral codec.

    Attributes:
        step: samples between two windows of the spectra.
        window: samples of one, a multiple of `step`.
        stack: windows of a frame; `step` times `stack` is the hop.
        mels: bands of the encoder's spectra, from 50 Hz to 8 kHz.
        width: channels of the network.
        dilations: of its residual units, in encoder and decoder alike.
        dim: of what is quantised.
        codebooks: number of codebooks; `size`: entries of each.

    Raises:
        ConfigError: sizes that cannot be built.
    """

    step: int = 160
    window: int = 640
    stack: int = 2
    mels: int = 80
    width: int = 160
    dilations: tuple[int, ...] = (1, 3)
    dim: int = 64
    codebooks: int = 8
    size: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        own = (self.step, self.stack, self.mels, self.width, self.dim, self.codebooks)
        if min(*own, *self.dilations) < 1 or self.size < 2:
            raise ConfigError("a size of the codec is below 1, or codebooks have no two entries")
        if self.window % self.step or self.window < 2 * self.step or self.window % 2:
            raise ConfigError(
                f"a window of {self.window} samples every {self.step}",
                hint="Give an even window that is a multiple of the step, twice or more.",
            )


class SpectralCodecNet(CodecNet):
    """Encoder, quantiser and decoder of spectra.

    Attributes:
        shape: its sizes.
    """

    bank: Tensor

    def __init__(self, shape: SpectralCodecShape, settings: CodebookSettings | None = None) -> None:
        super().__init__()
        self.shape = shape
        width, bins = shape.width, shape.window // 2 + 1
        self.encoder = nn.Sequential(
            CausalConv(shape.mels * shape.stack, width, 3),
            *(ResidualUnit(width, dilation) for dilation in shape.dilations),
            CausalConv(width, shape.dim, 1),
        )
        self.quantiser = ResidualQuantiser(shape.dim, shape.codebooks, settings)
        self.decoder = nn.Sequential(
            CausalConv(shape.dim, width, 5),
            *(ResidualUnit(width, dilation) for dilation in shape.dilations),
            nn.ELU(),
            CausalConv(width, bins * shape.stack, 1),
        )
        settings_of_bank = MelSettings(window=shape.window, size=shape.window, bins=shape.mels)
        bank = torch.from_numpy(mel_bank(settings_of_bank).copy())
        self.register_buffer("bank", bank, persistent=False)

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return int(self.shape.step * self.shape.stack)

    def forward(
        self, waves: Tensor, mask: Tensor | None = None, used: Tensor | None = None
    ) -> tuple[Tensor, Quantised]:
        """The magnitudes of what is heard, through the quantiser.

        Args:
            waves: (B, n), n a multiple of the hop.
            mask: bool (B, frames), false where a frame is padding; None: there is none.
            used: int64 (B,), codebooks of each example; None: all.

        Returns:
            log magnitudes (B, n / step, window // 2 + 1), and what the quantiser made.
        """
        found = self.quantiser(self.vectors(waves), mask, used)
        return self.log_magnitudes(found.output), found

    def magnitudes(self, waves: Tensor) -> Tensor:
        """(B, n) -> (B, n / step, window // 2 + 1), those of the sound."""
        return spectra(waves, self.shape.window, self.shape.step).abs()

    def log_mel(self, magnitudes: Tensor) -> Tensor:
        """(..., window // 2 + 1) -> (..., mels): half the log of the power of each band."""
        return 0.5 * (magnitudes.square() @ self.bank.T + FLOOR**2).log()

    def vectors(self, waves: Tensor) -> Tensor:
        """(B, n) -> (B, n / hop, dim), before they are quantised."""
        shape, mel = self.shape, self.log_mel(self.magnitudes(waves))
        stacked = mel.reshape(len(mel), -1, shape.stack * shape.mels)
        found: Tensor = self.encoder(stacked.transpose(1, 2)).transpose(1, 2)
        return found

    def log_magnitudes(self, vectors: Tensor) -> Tensor:
        """(B, T, dim) -> (B, T · stack, window // 2 + 1)."""
        found: Tensor = self.decoder(vectors.transpose(1, 2)).transpose(1, 2)
        found = found.reshape(len(found), -1, self.shape.window // 2 + 1)
        return found.clamp(max=_LOUDEST)


class SpectralCodec(OwnCodec):
    """See the module's docstring."""

    name = "spectral"
    about: ClassVar[str] = "log-mel spectra, phases found by iteration; harken train-codec"
    shape_class = SpectralCodecShape
    net_class = SpectralCodecNet

    def decoding(self) -> SpectralDecodeStream:
        """What decodes a sound whose codes come in pieces."""
        return SpectralDecodeStream(self)

    def _decode(self, codes: Codes) -> Array:
        return self.decoding().push(codes, last=True)


class SpectralDecodeStream(DecodeStream):
    """Decodes a sound whose codes come in pieces; samples come when nothing later changes them."""

    def __init__(self, codec: SpectralCodec) -> None:
        super().__init__(codec)
        self._net: SpectralCodecNet = codec.net
        self._finder = PhaseFinder(self._net.shape.window, self._net.shape.step)

    @torch.no_grad()
    def push(self, codes: Codes, *, last: bool = False) -> Array:
        """See `DecodeStream.push`."""
        joined, before = self._joined(codes)
        magnitudes = torch.zeros(0, self._net.shape.window // 2 + 1)
        if codes.shape[1]:
            vectors = self._net.quantiser.decode(torch.from_numpy(joined)[None])
            found = self._net.log_magnitudes(vectors)[0].exp()
            magnitudes = found[before * self._net.shape.stack :]
        return np.asarray(self._finder.push(magnitudes, last=last).numpy(), np.float32)
