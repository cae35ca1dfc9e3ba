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
        layers += [nn.ELU()] if place else []
        before = channels[place - 1] if place else 1
        layers.append(CausalConv(before, width, 2 * stride, stride=stride))
        layers += [ResidualUnit(width, dilation) for dilation in dilations]
    return begun(nn.Sequential(*layers, nn.ELU(), CausalConv(channels[-1], dim, 3)))


def decoder(
    strides: Sequence[int], channels: Sequence[int], dilations: Sequence[int], dim: int
) -> nn.Sequential:
    """(B, dim, T) -> (B, 1, T · product of strides): the encoder's layers the other way."""
    layers: list[nn.Module] = [CausalConv(dim, channels[-1], 7)]
    for place in reversed(range(len(strides))):
        width, after = channels[place], channels[place - 1] if place else 1
        layers += [ResidualUnit(width, dilation) for dilation in dilations]
        layers += [nn.ELU(), CausalUpsample(width, after, strides[place])]
    return begun(nn.Sequential(*layers))


@torch.no_grad()
def begun(net: nn.Sequential) -> nn.Sequential:
    """`net` with weights that keep the scale of its input, and biases of zero.

    With the usual weights of torch a quiet sound shrinks from layer to layer, and the biases, which
    are larger than what is left of it, make nearly equal vectors of all sounds: codebooks collapse.
    A residual unit begins as the identity.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv1d):
            fan = module.in_channels * module.kernel_size[0]
        elif isinstance(module, nn.ConvTranspose1d):
            fan = 2 * module.in_channels  # inputs of one output: the kernel is two strides long
        else:
            continue
        module.weight.normal_(0.0, math.sqrt(1.5 / fan))
        if module.bias is not None:
            module.bias.zero_()
    for module in net.modules():
        if isinstance(module, ResidualUnit):
            last = module.layers[-1]
            assert isinstance(last, CausalConv)
            last.conv.weight.zero_()
    return net
