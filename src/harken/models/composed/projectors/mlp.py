"""mlp: stacked frames through two linear layers (as in LLaVA 1.5, arXiv 2310.03744)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector


class MlpProjector(Projector):
    """`pool` neighbouring frames concatenated -> two linear layers -> one token of the LM.

    Settings: ``hidden``, the width between the layers; the language model's if not given, as in
    LLaVA (SLAM-ASR, arXiv 2402.08846, has 2048). ``dropout``, the share of the inputs of both
    layers that is zero in training: a wide projector on a few hours of speech learns them by heart.
    """

    name = "mlp"
    about = "stacked frames, two linear layers with a GELU between them"
    options: ClassVar[Mapping[str, type]] = {**Projector.options, "hidden": int, "dropout": float}

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        hidden = int(settings.get("hidden") or out)
        self.first = nn.Linear(width * self.pool, hidden)
        self.second = nn.Linear(hidden, out)
        dropout = float(settings.get("dropout") or 0.0)
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout of mlp is {dropout} (accepted: 0 or more, less than 1)")
        self.dropout = nn.Dropout(dropout)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        hidden = nn.functional.gelu(self.first(self.dropout(self.stacked(frames, counts))))
        out: Tensor = self.second(self.dropout(hidden))
        return out
