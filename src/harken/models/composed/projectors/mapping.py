"""mapping: one vector of a clip becomes a fixed number of tokens (Pengi; ClipCap).

The mapping network of Pengi (arXiv 2305.11834), which is that of ClipCap (arXiv 2111.09734): the
clip's vector is mapped to `prefix` vectors, as many learned constants are put behind them, and
what a transformer makes of the constants are the tokens. The order of time is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector, require_heads, windows


class MappingProjector(Projector):
    """The mean of a clip's frames -> `prefix` tokens of the LM.

    Settings: ``prefix`` (40 tokens), ``depth`` (4 layers), ``heads`` (8).
    """

    name = "mapping"
    about = "one vector a clip, a transformer makes tokens of it; prefix=40, depth=4, heads=8"
    options: ClassVar[Mapping[str, type]] = {
        "prefix": int, "depth": int, "heads": int, "norm": bool, "clip_numbers": int,
    }  # fmt: skip

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.prefix = int(settings.get("prefix") or 40)
        self.first = nn.Linear(width, self.prefix * out)
        self.constants = nn.Parameter(torch.randn(self.prefix, out) * 0.02)
        layer = nn.TransformerEncoderLayer(
            out,
            require_heads(out, int(settings.get("heads") or 8), self.name),
            2 * out,
            0.0,
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, int(settings.get("depth") or 4), enable_nested_tensor=False
        )

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def tokens(self, frames: int) -> int:
        """The same for every clip."""
        return self.prefix

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, prefix, out); the mean is over valid frames only."""
        cut, valid = windows(frames, counts, frames.shape[1])
        mean = cut.sum(2)[:, 0] / valid.sum(2).clamp(min=1)
        mapped = self.first(mean).reshape(len(frames), self.prefix, -1)
        whole = torch.cat([mapped, self.constants.expand(len(frames), -1, -1)], 1)
        out: Tensor = self.layers(whole)[:, self.prefix :]
        return out
