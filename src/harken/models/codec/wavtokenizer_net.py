"""WavTokenizer's network (Ji et al. 2024, arXiv 2408.16532), by the names of its published weights.

EnCodec's convolutional encoder, not causal, one codebook, and a decoder after Vocos (Siuzdak 2023,
arXiv 2306.00814): residual convolutions and an attention over all frames, ConvNeXt blocks (arXiv
2201.03545), and a linear layer whose outputs are phases, and logarithms of magnitudes, of a
short-time Fourier transform. The encoder is that of transformers' EnCodec. It is for encoding and
decoding only: dropout, losses and discriminators of its training are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

_EPS = 1e-6
_LOUDEST, _LEAST = 100.0, 1e-11
"""Largest magnitude of a spectrum, and least sum of squared windows, as in its training."""


@dataclass(frozen=True, slots=True)
class WavTokenizerConfig:
    """Sizes, by the names in ``config.json`` of the weights in transformers' layout.

    The defaults are those of ``large-unify-40token``: 24 kHz, 40 frames a second.

    Attributes:
        sampling_rate: in Hz.
        num_filters: channels of the first convolution.
        upsampling_ratios: strides of the encoder, the last one first; their product is the hop.
        hidden_size: width of a frame, and of the entries of the codebook.
        codebook_size: its entries.
        decoder_hidden_size, decoder_intermediate_size, decoder_num_layers: of the ConvNeXt blocks.
        adanorm_num_embeddings: rows of the layer norms' gains, of which the first is used.
        decoder_attention_num_groups: of the group norms.
        num_lstm_layers: of the encoder.
    """

    sampling_rate: int = 24_000
    num_filters: int = 32
    upsampling_ratios: tuple[int, ...] = (6, 5, 5, 4)
    hidden_size: int = 512
    codebook_size: int = 4096
    decoder_hidden_size: int = 768
    decoder_intermediate_size: int = 2304
    decoder_num_layers: int = 12
    adanorm_num_embeddings: int = 4
    decoder_attention_num_groups: int = 32
    num_lstm_layers: int = 2

    @staticmethod
    def of(values: Mapping[str, Any]) -> WavTokenizerConfig:
        """From a ``config.json``, whose other values do not count."""
        known = {entry.name for entry in fields(WavTokenizerConfig)}
        own = {name: value for name, value in values.items() if name in known}
        if "upsampling_ratios" in own:
            own["upsampling_ratios"] = tuple(own["upsampling_ratios"])
        return WavTokenizerConfig(**own)

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return math.prod(self.upsampling_ratios)

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "upsampling_ratios": list(self.upsampling_ratios)}


class AdaptiveNorm(nn.Module):
    """A layer norm with a choice of gains and shifts; inference has the first."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        self.scale = nn.Embedding(config.adanorm_num_embeddings, config.decoder_hidden_size)
        self.shift = nn.Embedding(config.adanorm_num_embeddings, config.decoder_hidden_size)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        width = hidden.shape[-1:]
        return nn.functional.layer_norm(
            hidden, width, self.scale.weight[0], self.shift.weight[0], _EPS
        )


class ConvNextBlock(nn.Module):
    """A convolution of each channel by itself, then an MLP, added with a gain of each channel."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        width, inner = config.decoder_hidden_size, config.decoder_intermediate_size
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = AdaptiveNorm(config)
        self.pwconv1, self.pwconv2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.gamma = nn.Parameter(torch.full((width,), 1 / config.decoder_num_layers))

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, width, T) -> (B, width, T)."""
        inner = self.norm(self.dwconv(hidden).transpose(1, 2))
        moved: Tensor = self.gamma * self.pwconv2(nn.functional.gelu(self.pwconv1(inner)))
        return hidden + moved.transpose(1, 2)


class ConvResidual(nn.Module):
    """Twice group norm, SiLU and a convolution of three frames, added to the input."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        width, groups = config.decoder_hidden_size, config.decoder_attention_num_groups
        self.norm1 = nn.GroupNorm(groups, width, _EPS)
        self.conv1 = nn.Conv1d(width, width, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, width, _EPS)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, width, T) -> (B, width, T)."""
        silu = nn.functional.silu
        inner = self.conv1(silu(self.norm1(hidden)))
        moved: Tensor = self.conv2(silu(self.norm2(inner)))
        return hidden + moved


class FrameAttention(nn.Module):
    """Every frame attends to all, with one head."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        width = config.decoder_hidden_size
        self.norm = nn.GroupNorm(config.decoder_attention_num_groups, width, _EPS)
        for name in ("q", "k", "v", "proj_out"):
            self.add_module(name, nn.Conv1d(width, width, 1))

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, width, T) -> (B, width, T)."""
        own: Any = self
        normed = self.norm(hidden)
        query, key, value = (part(normed).transpose(1, 2) for part in (own.q, own.k, own.v))
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        moved: Tensor = own.proj_out(found.transpose(1, 2))
        return hidden + moved


class VocosBackbone(nn.Module):
    """The module ``backbone`` of the published weights: entries of the codebook -> frames."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        width, groups = config.decoder_hidden_size, config.decoder_attention_num_groups
        self.embed = nn.Conv1d(config.hidden_size, width, 7, padding=3)
        self.pos_net = nn.Sequential(
            ConvResidual(config), ConvResidual(config), FrameAttention(config),
            ConvResidual(config), ConvResidual(config), nn.GroupNorm(groups, width, _EPS),
        )  # fmt: skip
        self.norm = AdaptiveNorm(config)
        self.convnext = nn.ModuleList(
            [ConvNextBlock(config) for _ in range(config.decoder_num_layers)]
        )
        self.final_layer_norm = nn.LayerNorm(width, _EPS)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, hidden, T) -> (B, T, width)."""
        hidden = self.pos_net(self.embed(hidden)).transpose(1, 2)
        hidden = self.norm(hidden).transpose(1, 2)
        for block in self.convnext:
            hidden = block(hidden)
        found: Tensor = self.final_layer_norm(hidden.transpose(1, 2))
        return found


class SpectrumHead(nn.Module):
    """Frames -> magnitudes and phases of a short-time Fourier transform -> samples.

    A frame's spectrum is of four hops, weighted by a Hann window and added up; the sum is divided
    by that of the squared windows. One and a half hops at either end are cut, so that there are as
    many hops as frames.
    """

    window: Tensor

    def __init__(self, width: int, hop: int) -> None:
        super().__init__()
        self.hop, self.size = hop, 4 * hop
        self.linear = nn.Linear(width, self.size + 2)
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, width) -> (B, 1, T · hop)."""
        size, phase = self.linear(frames).float().chunk(2, -1)
        spectrum = torch.polar(size.exp().clamp(max=_LOUDEST), phase)
        pieces = torch.fft.irfft(spectrum, self.size) * self.window
        whole = self._added(pieces)
        weight = self._added(self.window.square().expand(1, frames.shape[1], -1))
        cut = (self.size - self.hop) // 2
        found: Tensor = (whole / weight.clamp(min=_LEAST))[..., cut:-cut]
        return found

    def _added(self, pieces: Tensor) -> Tensor:
        """Pieces (B, T, size), each a hop after the one before, as their sum (B, 1, n)."""
        length = (pieces.shape[1] - 1) * self.hop + self.size
        found: Tensor = nn.functional.fold(
            pieces.transpose(1, 2), (1, length), (1, self.size), stride=(1, self.hop)
        )
        return found[:, :, 0]


class WavTokenizerNet(nn.Module):
    """Samples -> codes -> samples.

    The names of its tensors are those of transformers' layout without ``encoder_model.``
    (`own_names`).
    """

    def __init__(self, config: WavTokenizerConfig) -> None:
        from transformers import EncodecConfig
        from transformers.models.encodec.modeling_encodec import EncodecEncoder

        super().__init__()
        self.config = config
        encodec = EncodecConfig(
            num_filters=config.num_filters, upsampling_ratios=list(config.upsampling_ratios),
            hidden_size=config.hidden_size, codebook_dim=config.hidden_size,
            num_lstm_layers=config.num_lstm_layers, use_causal_conv=False,
        )  # fmt: skip
        self.encoder = EncodecEncoder(encodec)
        self.codebook = nn.Parameter(torch.randn(config.codebook_size, config.hidden_size))
        self.backbone = VocosBackbone(config)
        self.head = SpectrumHead(config.decoder_hidden_size, config.hop)

    def encode(self, waves: Tensor) -> Tensor:
        """(B, 1, n) -> int64 (B, ceil(n / hop)): the nearest entry to each frame."""
        frames = self.encoder(waves).transpose(1, 2)
        return torch.cdist(frames, self.codebook[None]).argmin(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Int64 (B, T) -> (B, 1, T · hop)."""
        entries = nn.functional.embedding(codes, self.codebook).transpose(1, 2)
        found: Tensor = self.head(self.backbone(entries))
        return found


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint under the names of `WavTokenizerNet`.

    Two layouts are read: transformers' (``encoder_model.encoder.layers…``, ``head.linear…``), and
    the authors' (``feature_extractor.encodec.encoder.model…``, ``head.out…``), as safetensors. The
    averages of the codebook's training, EnCodec's unused decoder and the window are left out.
    """
    found = {}
    for name, tensor in state.items():
        own = name.removeprefix("feature_extractor.encodec.").removeprefix("encoder_model.")
        if own in ("quantizer.codebook.embed", "quantizer.vq.layers.0._codebook.embed"):
            own = "codebook"
        elif own.startswith("encoder."):
            own = own.replace("encoder.model.", "encoder.layers.").replace("conv.conv.", "conv.")
            own = own.replace("weight_g", "parametrizations.weight.original0")
            own = own.replace("weight_v", "parametrizations.weight.original1")
        elif own.startswith("head.out."):
            own = own.replace("head.out.", "head.linear.")
        elif not own.startswith(("backbone.", "head.linear.")):
            continue
        found[own] = tensor
    return found
