"""linear: stacked frames through one linear layer (as in SLAM-ASR's ablation, arXiv 2402.08846)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector


class LinearProjector(Projector):
    """`pool` neighbouring frames concatenated -> one linear layer -> one token of the LM."""

    name = "linear"
    about = "stacked frames, one linear layer"

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.only = nn.Linear(width * self.pool, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        out: Tensor = self.only(self.stacked(frames, counts))
        return out
