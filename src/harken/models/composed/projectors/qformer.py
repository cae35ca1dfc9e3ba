"""qformer: learned queries attend to all frames of a clip (BLIP-2, arXiv 2301.12597).

A clip has the same number of audio tokens, whatever its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector, require_heads


class QFormerProjector(Projector):
    """`queries` learned vectors, cross-attention to the frames -> as many tokens of the LM.

    Settings: ``queries`` (32), ``depth`` (2 layers), ``hidden`` (768), ``heads`` (12),
    ``dropout`` (0.1).
    """

    name = "qformer"
    about = "learned queries over the whole clip (Q-Former); queries=32, depth=2, hidden=768"

    options: ClassVar[dict[str, type]] = {
        "queries": int, "depth": int, "hidden": int, "heads": int, "dropout": float,
        "norm": bool, "clip_numbers": int,
    }  # fmt: skip
    default_queries: ClassVar[int] = 32

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        from transformers import Blip2QFormerConfig, Blip2QFormerModel

        super().__init__(out, settings)
        self.queries = int(settings.get("queries") or self.default_queries)
        hidden = int(settings.get("hidden") or 768)
        dropout = float(settings.get("dropout", 0.1))
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout of {self.name} is {dropout} (accepted: 0 to less than 1)")
        config = Blip2QFormerConfig(
            hidden_size=hidden,
            num_hidden_layers=int(settings.get("depth") or 2),
            num_attention_heads=require_heads(hidden, int(settings.get("heads") or 12), self.name),
            intermediate_size=4 * hidden,
            encoder_hidden_size=width,
            cross_attention_frequency=1,  # as SALMONN; BLIP-2 has it in every second layer
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            use_qformer_text_input=False,
        )
        self.query = nn.Parameter(torch.randn(1, self.queries, hidden) * config.initializer_range)
        self.former = Blip2QFormerModel(config)
        self.out = nn.Linear(hidden, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def tokens(self, frames: int) -> int:
        """As many as there are queries."""
        return self.queries

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, queries, out); frames past a row's count are masked."""
        place = torch.arange(frames.shape[1], device=frames.device)[None]
        return self._attend(frames, place < torch.tensor(counts, device=frames.device)[:, None])

    def _attend(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Frames (N, T, width), of which `valid` (N, T) count -> (N, queries, out)."""
        seen = self.former(
            query_embeds=self.query.expand(len(frames), -1, -1),
            encoder_hidden_states=frames,
            encoder_attention_mask=valid.long(),
        )
        tokens: Tensor = self.out(seen.last_hidden_state)
        return tokens
