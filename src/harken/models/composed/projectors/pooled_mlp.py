"""pooled-mlp: the mean of neighbouring frames through two linear layers (Audio Flamingo 3).

Audio Flamingo 3 (arXiv 2507.08128) averages two frames of its encoder, 40 ms, before its MLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector, windows


class PooledMlpProjector(Projector):
    """The mean of `pool` neighbouring frames -> two linear layers -> one token of the LM.

    Settings: ``hidden``, the width between the layers; the language model's if not given.
    """

    name = "pooled-mlp"
    about = "the mean of neighbouring frames, two linear layers with a GELU between them"
    options: ClassVar[Mapping[str, type]] = {**Projector.options, "hidden": int}

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        hidden = int(settings.get("hidden") or out)
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); the mean is over valid frames only."""
        cut, valid = windows(frames, counts, self.pool)
        mean = cut.sum(2) / valid.sum(2, keepdim=True).clamp(min=1)
        out: Tensor = self.second(nn.functional.gelu(self.first(mean)))
        return out
