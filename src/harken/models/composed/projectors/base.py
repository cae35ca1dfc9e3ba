"""The interface of a projector: encoder frames -> audio tokens of the language model.

One file for each projector: a subclass of `Projector` in
`harken.models.composed.projectors.registry.PROJECTORS` with ``name``, ``about``, ``build``,
``tokens`` (their number, without a forward pass) and ``forward``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn


class Projector(nn.Module):
    """`pool` neighbouring frames become one audio token.

    Attributes:
        name: in the registry; `about`: one sentence.
        pool: frames in a token.
        number_ids: ids of "0", "1", "2", … in the LM's vocabulary: the LM's embedding of k is added
            to the tokens of clip k.
        clip_numbers: a learned embedding of the clip's number, added likewise.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""

    def __init__(self, out: int, settings: Mapping[str, Any]) -> None:
        """`out` is the width of the language model."""
        super().__init__()
        self.pool = int(settings.get("pool", 1))
        self.number_ids = tuple(settings.get("number_ids") or ())
        count = int(settings.get("clip_numbers") or 0)
        # For LMs too small to infer from the prompt which clip a token belongs to.
        self.clip_numbers = nn.Embedding(count + 1, out) if count and not self.number_ids else None

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """A projector with fresh weights, from frames of `width` to tokens of `out`."""
        raise NotImplementedError

    def tokens(self, frames: int) -> int:
        """Number of tokens for `frames` frames."""
        return -(-frames // self.pool)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        raise NotImplementedError

    def stacked(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, pool · width), zeros past each row's count."""
        short = -frames.shape[1] % self.pool
        frames = nn.functional.pad(frames, (0, 0, 0, short))
        place = torch.arange(frames.shape[1], device=frames.device)[None]
        frames = frames * (place < torch.tensor(counts, device=frames.device)[:, None])[..., None]
        return frames.reshape(len(frames), frames.shape[1] // self.pool, -1)
