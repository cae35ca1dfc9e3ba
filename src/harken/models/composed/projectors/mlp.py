"""Stacked frames through two linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MlpProjector(nn.Module):
    """`pool` neighbouring frames side by side -> two linear layers -> one token of the LM."""

    def __init__(
        self, width: int, pool: int, out: int, places: int = 0, numbers: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.pool = pool
        # The same, told in the LM's own words: the ids of "0", "1", "2", … in its vocabulary.
        self.numbers = tuple(numbers)
        self.first = nn.Linear(width * pool, out)
        self.second = nn.Linear(out, out)
        # Which clip a token belongs to, for LMs too small to count the marks before it.
        self.places = nn.Embedding(places + 1, out) if places and not numbers else None

    def tokens(self, frames: int) -> int:
        """Tokens made of `frames` frames."""
        return -(-frames // self.pool)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        short = -frames.shape[1] % self.pool
        frames = nn.functional.pad(frames, (0, 0, 0, short))
        true = torch.arange(frames.shape[1], device=frames.device)[None]
        frames = frames * (true < torch.tensor(counts, device=frames.device)[:, None])[..., None]
        frames = frames.reshape(len(frames), frames.shape[1] // self.pool, -1)
        out: Tensor = self.second(nn.functional.gelu(self.first(frames)))
        return out
