"""gated-mlp: stacked frames through a gated MLP (SwiGLU, arXiv 2002.05202).

The projector of ultravox (8 stacked frames, 2,048 wide between its layers) and the adapter of
MOSS-Audio (arXiv 2606.01802; 8,192 wide).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from harken.models.composed.projectors.base import Projector


class GatedMlp(nn.Module):
    """down(silu(gate(x)) · up(x)), without biases.

    Args:
        width: of the input; `hidden`: between the layers; `out`: of the output.
        zero: the output starts at 0.
    """

    def __init__(self, width: int, hidden: int, out: int, *, zero: bool = False) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, out, bias=False)
        if zero:
            nn.init.zeros_(self.down.weight)

    def forward(self, frames: Tensor) -> Tensor:
        """(…, width) -> (…, out)."""
        found: Tensor = self.down(nn.functional.silu(self.gate(frames)) * self.up(frames))
        return found


class GatedMlpProjector(Projector):
    """`pool` neighbouring frames concatenated -> a gated MLP -> one token of the LM.

    Settings: ``hidden``, the width between the layers; the language model's if not given.
    """

    name = "gated-mlp"
    about = "stacked frames, a gated MLP (SwiGLU); hidden=0: as wide as the LM"
    options: ClassVar[Mapping[str, type]] = {**Projector.options, "hidden": int}

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.mlp = GatedMlp(width * self.pool, int(settings.get("hidden") or out), out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        out: Tensor = self.mlp(self.stacked(frames, counts))
        return out
