"""pooling: the mean of neighbouring frames through one linear layer (as in Qwen2-Audio).

Qwen2-Audio (arXiv 2407.10759) averages two frames of its encoder, 40 ms, and maps them linearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector, windows


class PoolingProjector(Projector):
    """The mean of `pool` neighbouring frames -> one linear layer -> one token of the LM."""

    name = "pooling"
    about = "the mean of neighbouring frames, one linear layer"

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.only = nn.Linear(width, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); the mean is over valid frames only."""
        cut, valid = windows(frames, counts, self.pool)
        mean = cut.sum(2) / valid.sum(2, keepdim=True).clamp(min=1)
        out: Tensor = self.only(mean)
        return out
