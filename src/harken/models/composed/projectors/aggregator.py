"""aggregator: frames of the last layer attend to earlier ones (GAMA, arXiv 2406.11768).

One Q-Former layer for each earlier layer of the encoder: the frames of the last layer are the
queries, and take in what the earlier layers have of the same clip. Before them stand, where they
are set, the tokens of a Q-Former over the whole clip, and a soft prompt: vectors that are the same
for all clips, and are trained.

Departure: GAMA puts the names of the events that a classifier hears into its soft prompt; here it
is the vectors alone. The last layer's own frames, which GAMA gives a third time, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.models.composed.projectors.base import (
    Projector,
    require_heads,
    several_layers,
    windows,
)
from harken.models.composed.projectors.qformer import QFormerProjector


class AggregatorProjector(Projector):
    """Frames of several layers -> soft prompt, Q-Former tokens, aggregated frames.

    Settings: ``pool``, aggregated frames in a token (their mean); ``prompt`` (0 vectors),
    ``queries`` (0: no Q-Former), ``depth`` of the Q-Former (2), ``heads`` (12), ``hidden``, the
    width between the two layers of each MLP (the language model's if not given), ``dropout`` (0.1).
    """

    name = "aggregator"
    about = "the last layer attends to earlier ones; prompt=0, queries=0, depth=2, heads=12"
    options: ClassVar[Mapping[str, type]] = {
        "pool": int, "norm": bool, "prompt": int, "queries": int, "depth": int, "heads": int,
        "hidden": int, "dropout": float,
    }  # fmt: skip
    least: ClassVar[Mapping[str, float]] = {**Projector.least, "queries": 0}
    takes_layers: ClassVar[bool] = True

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self._settings = dict(settings)
        self.queries = int(settings.get("queries") or 0)
        count = int(settings.get("prompt") or 0)
        self.prompt = nn.Parameter(torch.randn(count, out) * 0.02) if count else None
        self.steps = nn.ModuleList()  # made in `finish`, which knows the layers
        self.former: nn.Module | None = None
        self.mlp: nn.Module = nn.Identity()

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def tokens(self, frames: int) -> int:
        """Soft prompt, queries, and a token for every `pool` frames."""
        count = 0 if self.prompt is None else len(self.prompt)
        return count + self.queries + super().tokens(frames)

    def finish(self, shape: Sequence[tuple[int, int]], gain: float) -> None:
        """Make the layers of attention.

        Raises:
            ConfigError: the encoder gives one layer, or is made of several.
        """
        count, width = several_layers(shape, "the aggregator", "4,8,12")
        self._width = width
        inner = int(self._settings.get("hidden") or self._out)
        usual = {"heads": 12, **self._settings, "hidden": width, "norm": False}
        require_heads(width, int(usual["heads"]), self.name)
        self.steps = nn.ModuleList([_step(width, usual) for _ in range(count - 1)])
        self.mlp = _mlp(width, inner, self._out)
        if self.queries:
            former = QFormerProjector(width, self._out, usual)
            former.out = _mlp(width, inner, self._out)  # type: ignore[assignment]
            self.former = former
        if self._norm:
            self.norm_in = nn.RMSNorm(width, eps=1e-6)
            self.norm_out = nn.RMSNorm(self._out, eps=1e-6)
            nn.init.constant_(self.norm_out.weight, gain)
            if self.prompt is not None:
                nn.init.normal_(self.prompt, std=gain)

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, all layers) -> (B, tokens, out)."""
        parts = frames.reshape(*frames.shape[:2], -1, self._width)
        if self.norm_in is not None:
            parts = self.norm_in(parts)
        *earlier, last = parts.unbind(2)
        sizes = torch.tensor(counts, device=frames.device)
        valid = (torch.arange(frames.shape[1], device=frames.device)[None] < sizes[:, None]).long()
        mixed = last
        for step, layer in zip(self.steps, reversed(earlier), strict=True):
            mixed = step(
                query_embeds=mixed,
                attention_mask=valid,
                encoder_hidden_states=layer,
                encoder_attention_mask=valid,
            ).last_hidden_state
        cut, inside = windows(mixed, counts, self.pool)
        found = [self.mlp(cut.sum(2) / inside.sum(2, keepdim=True).clamp(min=1))]
        if self.former is not None:
            found.insert(0, self.former(last, counts))
        tokens = torch.cat(found, 1)
        if self.norm_out is not None:
            tokens = self.norm_out(tokens)
        if self.prompt is None:
            return tokens
        return torch.cat([self.prompt.expand(len(tokens), -1, -1), tokens], 1)


def _step(width: int, settings: Mapping[str, Any]) -> nn.Module:
    """One layer of a Q-Former, whose queries are frames."""
    one = QFormerProjector(width, 1, {**settings, "queries": 1, "depth": 1})
    former: nn.Module = one.former
    return former


def _mlp(width: int, inner: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, out))
