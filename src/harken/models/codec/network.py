"""A causal convolutional encoder and decoder, after SoundStream (arXiv 2107.03312, section III).

A frame depends on samples up to its own end, and a decoded sample on frames up to its own, so that
both can be streamed. The first convolution has the first stride already: on one CPU core nothing is
computed at the sampling rate itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CausalConv(nn.Module):
    """A convolution over time of (B, C, T) that sees no later input; T / stride outputs."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out, kernel, stride, dilation=dilation)
        self.before = (kernel - 1) * dilation + 1 - stride

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, T) -> (B, out, T / stride)."""
        found: Tensor = self.conv(nn.functional.pad(values, (self.before, 0)))
        return found


class CausalUpsample(nn.Module):
    """A transposed convolution of (B, C, T) that sees no later input; T · stride outputs."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(channels, out, 2 * stride, stride)
        self.stride = stride

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, T) -> (B, out, T · stride)."""
        found: Tensor = self.conv(values)
        return found[..., : -self.stride]


class ResidualUnit(nn.Module):
    """x + a dilated and a pointwise causal convolution of x."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ELU(),
            CausalConv(channels, channels, 3, dilation=dilation),
            nn.ELU(),
            CausalConv(channels, channels, 1),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        found: Tensor = values + self.layers(values)
        return found


def encoder(
    strides: Sequence[int], channels: Sequence[int], dilations: Sequence[int], dim: int
) -> nn.Sequential:
    """(B, 1, n) -> (B, dim, n / product of strides); a width for each stride, fine to coarse."""
    layers: list[nn.Module] = []
    for place, (stride, width) in enumerate(zip(strides, channels, strict=True)):
        before = channels[place - 1] if place else 1
        layers.append(CausalConv(before, width, 2 * stride, stride=stride))
        layers += [ResidualUnit(width, dilation) for dilation in dilations]
    return nn.Sequential(*layers, CausalConv(channels[-1], dim, 3))


def decoder(
    strides: Sequence[int], channels: Sequence[int], dilations: Sequence[int], dim: int
) -> nn.Sequential:
    """(B, dim, T) -> (B, 1, T · product of strides): the encoder's layers the other way."""
    layers: list[nn.Module] = [CausalConv(dim, channels[-1], 7)]
    for place in reversed(range(len(strides))):
        width, after = channels[place], channels[place - 1] if place else 1
        layers += [ResidualUnit(width, dilation) for dilation in dilations]
        layers += [CausalUpsample(width, after, strides[place])]
    return nn.Sequential(*layers)


@torch.no_grad()
def begin_as_transform(down: nn.Sequential, up: nn.Sequential) -> None:
    """Initial weights with which the decoder undoes what the encoder keeps.

    Every level of `down` begins as a discrete cosine transform of the frames of one step, of which
    the lowest frequencies are kept, and that of `up` as its transpose: before any training they are
    a transform codec for the lowest `dim` of each frame's frequencies. A residual unit begins as
    the identity, and biases are zero. With the usual weights of torch, quiet sounds shrink from
    layer to layer, and what is left of them is smaller than the biases: the vectors of all sounds
    are nearly equal, and codebooks collapse. A little noise lets channels that are not used yet
    learn.

    Args:
        down: of `encoder`.
        up: of `decoder`, with the same sizes.
    """
    for module in [*down.modules(), *up.modules()]:
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            fan = module.in_channels * module.kernel_size[0]
            module.weight.normal_(0.0, _NOISE / math.sqrt(fan))
            if module.bias is not None:
                module.bias.zero_()
        if isinstance(module, ResidualUnit):
            first, last = module.layers[1], module.layers[3]
            assert isinstance(first, CausalConv) and isinstance(last, CausalConv)
            nn.init.kaiming_normal_(first.conv.weight, nonlinearity="relu")
            last.conv.weight.zero_()
    steps = [module for module in down if isinstance(module, CausalConv)]
    back = [module for module in up if isinstance(module, CausalUpsample)][::-1]
    order = [0]  # rank in frequency of each channel in use
    for conv, undo in zip(steps[:-1], back, strict=True):
        stride = undo.stride
        found = sorted(
            (rank * stride + (k if rank % 2 == 0 else stride - 1 - k), channel, k)
            for channel, rank in enumerate(order)
            for k in range(stride)
        )[: conv.conv.out_channels]
        times = torch.arange(stride) + 0.5
        for out, (_, channel, k) in enumerate(found):
            wave = torch.cos(math.pi * k * times / stride) * math.sqrt((2 - (k == 0)) / stride)
            conv.conv.weight[out, channel, stride:] += wave
            undo.conv.weight[out, channel, :stride] += wave
        order = [rank for rank, _, _ in found]
    same, other = steps[-1], up[0]
    assert isinstance(other, CausalConv)
    for number in range(min(len(order), same.conv.out_channels)):
        same.conv.weight[number, number, -1] += 1.0
        other.conv.weight[number, number, -1] += 1.0


_NOISE = 0.1
"""Standard deviation of the noise, as a share of what would keep the scale."""
