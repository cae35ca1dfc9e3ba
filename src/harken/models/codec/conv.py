"""harken's own codec: causal convolutions around a residual vector quantiser.

It is after SoundStream (Zeghidour et al. 2021, arXiv 2107.03312), small enough to be trained on one
CPU core (`harken.train.codec`), and has no adversary: what it makes is duller than what published
codecs make.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.errors import ConfigError, ModelError
from harken.models.codec.base import AudioTokenizer, Codes
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.network import begin_as_transform, decoder, encoder
from harken.models.codec.quantiser import Quantised, ResidualQuantiser
from harken.models.engine.features import Array
from harken.models.saved_module import (
    find_saved,
    load_into,
    require_kind,
    save_module,
    state_hash,
)

KIND = "codec"
"""``kind`` in the `MODEL_FILE` of a saved one."""

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


class ConvCodecNet(nn.Module):
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


class ConvCodec(AudioTokenizer):
    """See the module's docstring.

    Attributes:
        net: with the weights.
        training: what is told of its training, as JSON values.
    """

    name = "conv"
    about: ClassVar[str] = "a codec of harken's own, trained by harken train-codec"

    def __init__(self, net: ConvCodecNet, name: str = "codec") -> None:
        self.net, self.name = net.eval(), name
        self.rate_hz, self.hop = RATE_HZ, math.prod(net.shape.strides)
        self.codebooks, self.size = net.shape.codebooks, net.shape.size
        self.training: dict[str, Any] = {}

    @staticmethod
    def build(
        shape: ConvCodecShape = ConvCodecShape(),
        settings: CodebookSettings | None = None,
        *,
        seed: int = 0,
        name: str = "codec",
    ) -> ConvCodec:
        """With fresh weights, initialised with `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            own = settings or CodebookSettings(size=shape.size, seed=seed)
            return ConvCodec(ConvCodecNet(shape, own), name)

    @classmethod
    def open(cls, target: str) -> Self:
        """The saved codec `target`: a folder, or the name of one below ``$HARKEN_MODELS``.

        Raises:
            ModelError: there is none, it is damaged, or it is another kind of model.
        """
        folder, content = find_saved(target)
        require_kind(folder, content, KIND, "codec")
        try:
            sizes: dict[str, Any] = dict(content["shape"])
            lists = {n: tuple(v) for n, v in sizes.items() if isinstance(v, list)}
            shape = ConvCodecShape(**{**sizes, **lists})
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise ModelError(f"its shape cannot be read: {error}", where=str(folder)) from None
        net = ConvCodecNet(shape, CodebookSettings(size=shape.size))
        load_into(net, folder, content)
        made = cls(net, str(content.get("name") or folder.name))
        made.training = dict(content.get("training") or {})
        return made

    def save(self, folder: Path) -> str:
        """Write the folder that `open` opens; returns the identity.

        Raises:
            RunError: the folder has another model.
        """
        return save_module(folder, KIND, self._config(), self._state())

    def identity(self) -> str:
        """Hash of configuration and weights."""
        return state_hash(self._config(), self._state())

    def _config(self) -> Mapping[str, Any]:
        shape = {n: [*v] if isinstance(v, tuple) else v for n, v in asdict(self.net.shape).items()}
        return {"name": self.name, "shape": shape, "training": self.training}

    def _state(self) -> dict[str, Tensor]:
        """Its tensors but those of training only."""
        only_training = ("counts", "sums", "seen", "revived", "steps", "begun")
        state = self.net.state_dict()
        return {n: t for n, t in state.items() if n.rpartition(".")[2] not in only_training}

    @torch.no_grad()
    def _encode(self, samples: Array, codebooks: int) -> Codes:
        waves = torch.from_numpy(np.ascontiguousarray(samples))[None]
        return np.asarray(self.net.quantiser.encode(self.net.vectors(waves), codebooks)[0].numpy())

    @torch.no_grad()
    def _decode(self, codes: Codes) -> Array:
        vectors = self.net.quantiser.decode(torch.from_numpy(codes)[None])
        return np.asarray(self.net.waves(vectors)[0].numpy())
