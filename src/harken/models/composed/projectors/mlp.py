"""mlp: stacked frames through two linear layers (as in LLaVA 1.5, arXiv 2310.03744)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector


class MlpProjector(Projector):
    """`pool` neighbouring frames concatenated -> two linear layers -> one token of the LM."""

    name = "mlp"
    about = "stacked frames, two linear layers with a GELU between them"

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.first = nn.Linear(width * self.pool, out)
        self.second = nn.Linear(out, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        out: Tensor = self.second(nn.functional.gelu(self.first(self.stacked(frames, counts))))
        return out
