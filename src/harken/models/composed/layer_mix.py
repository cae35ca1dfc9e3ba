"""A learned mix of an encoder's layers: one weight a layer, a softmax over them.

Speech is in the last layers of an ASR encoder, sounds are in the middle ones (Whisper-AT, Gong et
al. 2023, arXiv 2307.03183), so a model of both takes all of them (as in SUPERB, Yang et al. 2021,
arXiv 2105.01051). The weights belong to the projector: they are learned while the encoder is
frozen. Departure from SUPERB: each layer's frames are normalised first (layer norm without
parameters), since the scale of Whisper's layers differs by more than ten times.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class LayerMix(nn.Module):
    """Frames of several layers side by side -> one vector a frame.

    Args:
        shape: for each part of a frame (each encoder), the number of its layers and their width; a
            part of one layer is left as it is.
    """

    def __init__(self, shape: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.zeros(count)) for count, _ in self.shape]
        )

    @property
    def width(self) -> int:
        """Size of a mixed frame's vector."""
        return sum(width for _, width in self.shape)

    def shares(self) -> list[list[float]]:
        """The share of every layer in each part; they sum to 1."""
        return [weight.detach().float().softmax(0).tolist() for weight in self.weights]

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, sum of count · width) -> (B, T, sum of width)."""
        parts = torch.split(frames, [count * width for count, width in self.shape], -1)
        return torch.cat(
            [
                part if count == 1 else _mixed(part.reshape(*part.shape[:2], count, width), weight)
                for part, weight, (count, width) in zip(
                    parts, self.weights, self.shape, strict=True
                )
            ],
            -1,
        )


def _mixed(layers: Tensor, weight: Tensor) -> Tensor:
    """(B, T, L, W) -> (B, T, W)."""
    normed = nn.functional.layer_norm(layers, layers.shape[-1:])
    return torch.einsum("btlw,l->btw", normed, weight.softmax(0).to(normed.dtype))
